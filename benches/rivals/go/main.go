// The hub on Go's net/http and gorilla/websocket: two goroutines a connection, a channel between them.
//
// A message is prepared once for all members. It goes out in a write of its own: gorilla gathers nothing across messages.
// GOMAXPROCS is 1 unless the environment says otherwise, as every rival has one core.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	queueMessages = 256
	bufferBytes   = 4 << 10
	// RFC 3339, always with its milliseconds.
	timestampLayout = "2006-01-02T15:04:05.000Z"
)

var upgrader = websocket.Upgrader{
	ReadBufferSize:  bufferBytes,
	WriteBufferSize: bufferBytes,
	WriteBufferPool: &sync.Pool{},
	CheckOrigin:     func(*http.Request) bool { return true },
}

// member is a connection's queue.
type member chan *websocket.PreparedMessage

type hub struct {
	mutex sync.RWMutex
	rooms map[string]map[member]struct{}
}

func (h *hub) join(room string, m member) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.rooms[room] == nil {
		h.rooms[room] = make(map[member]struct{})
	}
	h.rooms[room][m] = struct{}{}
}

func (h *hub) leave(room string, m member) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.rooms[room], m)
	if len(h.rooms[room]) == 0 {
		delete(h.rooms, room)
	}
}

// publish queues a message for every member whose queue is not full, and says how many those are.
func (h *hub) publish(room string, message *websocket.PreparedMessage) int {
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	receivers := 0
	for m := range h.rooms[room] {
		select {
		case m <- message:
			receivers++
		default:
		}
	}
	return receivers
}

func now() string {
	return time.Now().UTC().Format(timestampLayout)
}

func (h *hub) enter(w http.ResponseWriter, r *http.Request) {
	room := r.URL.Query().Get("room")
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	greeting, err := websocket.NewPreparedMessage(websocket.TextMessage,
		[]byte(`{"type":"connection:status","payload":{"status":"connected"},"timestamp":"`+now()+`"}`))
	if err != nil {
		conn.Close()
		return
	}
	queue := make(member, queueMessages)
	queue <- greeting
	h.join(room, queue)
	left := make(chan struct{})
	go deliver(conn, queue, left)
	// What a member says is ignored; a ping or a close is answered in here.
	for {
		if _, _, err := conn.NextReader(); err != nil {
			break
		}
	}
	h.leave(room, queue)
	close(left)
	conn.Close()
}

func deliver(conn *websocket.Conn, queue member, left <-chan struct{}) {
	for {
		select {
		case message := <-queue:
			if err := conn.WritePreparedMessage(message); err != nil {
				conn.Close()
				return
			}
		case <-left:
			return
		}
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

type event struct {
	Type    *string         `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

type answer struct {
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	Receivers int    `json:"receivers"`
}

// envelope is written by hand: json.Marshal would write a raw payload anew, and escape what is HTML in it.
func envelope(kind []byte, payload json.RawMessage, timestamp string) []byte {
	text := make([]byte, 0, len(kind)+len(payload)+len(timestamp)+40)
	text = append(text, `{"type":`...)
	text = append(text, kind...)
	text = append(text, `,"payload":`...)
	text = append(text, payload...)
	text = append(text, `,"timestamp":"`...)
	text = append(text, timestamp...)
	return append(text, `"}`...)
}

func (h *hub) event(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", errors.New("events are posted"))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err)
		return
	}
	if e.Type == nil || e.Payload == nil {
		refuse(w, http.StatusBadRequest, "bad_request", errors.New("an event has a type and a payload"))
		return
	}
	kind, err := json.Marshal(*e.Type)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err)
		return
	}
	timestamp := now()
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, envelope(kind, e.Payload, timestamp))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", err)
		return
	}
	receivers := h.publish(r.URL.Query().Get("room"), message)
	reply(w, http.StatusAccepted, answer{*e.Type, timestamp, receivers})
}

func refuse(w http.ResponseWriter, status int, code string, err error) {
	reply(w, status, map[string]map[string]string{"error": {"code": code, "message": err.Error()}})
}

func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A publisher that has left needs no answer.
	_, _ = w.Write(text)
}

func main() {
	address := flag.String("listen", "127.0.0.1:"+portOrFree(), "where to listen; port 0 takes a free one")
	flag.Parse()
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	h := &hub{rooms: make(map[string]map[member]struct{})}
	http.HandleFunc("/ws", h.enter)
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/api/v1/events", h.event)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	// Its backlog is net.core.somaxconn, and every connection of Go's is TCP_NODELAY.
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

func portOrFree() string {
	if port := os.Getenv("PORT"); port != "" {
		return port
	}
	return "0"
}
