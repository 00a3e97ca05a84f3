// Gorilla's WebSocket in Go, as Debian packages it.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	mebibyte = 1 << 20
	patience = 60 * time.Second
	words    = "naïve 日本 👩‍🚀"
)

// The library does not know its version; whoever builds this does.
var version = "unknown"

var address = os.Getenv("ROOMCAST_URL")

type object = map[string]interface{}

// What goes wrong in a scenario ends it.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(found, expected interface{}) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Errorf("expected %v, found %v", expected, found))
	}
}

type socket struct{ *websocket.Conn }

func dial(path string, compressed bool, headers http.Header) (*websocket.Conn, *http.Response, error) {
	dialer := websocket.Dialer{
		HandshakeTimeout:  patience,
		EnableCompression: compressed,
		// A message that is longer goes out in fragments of this size.
		WriteBufferSize: 512,
	}
	return dialer.Dial(strings.Replace(address, "http://", "ws://", 1)+path, headers)
}

func open(path string, compressed bool) socket {
	conn, response, err := dial(path, compressed, http.Header{"Authorization": {"Bearer k"}})
	must(err)
	extensions := response.Header.Get("Sec-WebSocket-Extensions")
	same(strings.Contains(extensions, "permessage-deflate"), compressed)
	must(conn.SetReadDeadline(time.Now().Add(patience)))
	return socket{conn}
}

func (s socket) next() (int, []byte) {
	kind, data, err := s.ReadMessage()
	must(err)
	return kind, data
}

func (s socket) echoes(kind int, data []byte) {
	must(s.WriteMessage(kind, data))
	back, got := s.next()
	same(back, kind)
	if !bytes.Equal(got, data) {
		panic(fmt.Errorf("%d bytes came back as %d others", len(data), len(got)))
	}
}

// Waits for the hub's close frame, which the library answers by itself if it was the first.
func (s socket) closed() int {
	_, data, err := s.ReadMessage()
	var end *websocket.CloseError
	if !errors.As(err, &end) {
		panic(fmt.Errorf("expected a close frame, found %.200q and %v", data, err))
	}
	must(s.Conn.Close())
	return end.Code
}

func (s socket) close(code int, reason string) int {
	frame := websocket.FormatCloseMessage(code, reason)
	must(s.WriteControl(websocket.CloseMessage, frame, time.Now().Add(patience)))
	return s.closed()
}

func (s socket) nextObject() object {
	_, data := s.next()
	var value object
	must(json.Unmarshal(data, &value))
	return value
}

// The status and the JSON of an answer.
func call(method, path string, body interface{}) (int, object) {
	text, err := json.Marshal(body)
	must(err)
	request, err := http.NewRequest(method, address+path, bytes.NewReader(text))
	must(err)
	request.Header = http.Header{"Authorization": {"Bearer k"}, "Content-Type": {"application/json"}}
	client := http.Client{Timeout: patience}
	answer, err := client.Do(request)
	must(err)
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	must(err)
	var value object
	if len(text) > 0 {
		must(json.Unmarshal(text, &value))
	}
	return answer.StatusCode, value
}

func noise() []byte {
	data := make([]byte, mebibyte)
	_, err := rand.Read(data)
	must(err)
	return data
}

func letters() []byte { return bytes.Repeat([]byte("é"), mebibyte/2) }

// Too varied to be compressed into one fragment.
func numbers() []byte {
	var text bytes.Buffer
	for number := 0; number < 2000; number++ {
		text.WriteString(strconv.Itoa(number) + " ")
	}
	return text.Bytes()
}

func whole(compressed bool, kind int, messages ...[]byte) {
	s := open("/echo", compressed)
	for _, message := range messages {
		s.echoes(kind, message)
	}
	same(s.close(1000, ""), 1000)
}

func fragments(compressed bool) {
	s := open("/echo", compressed)
	s.echoes(websocket.TextMessage, numbers())
	s.echoes(websocket.BinaryMessage, numbers())
	same(s.close(1000, ""), 1000)
}

func ping() {
	s := open("/echo", false)
	heard := ""
	s.SetPongHandler(func(payload string) error {
		heard = payload
		return nil
	})
	must(s.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)))
	// Pongs are taken while a message is read, and this one's echo comes behind the pong.
	s.echoes(websocket.TextMessage, []byte("behind the ping"))
	same(heard, "are you there")
	same(s.close(1000, ""), 1000)
}

func closeByTheHub() {
	_, session := call("POST", "/api/v1/sessions", object{})
	path := "/api/v1/sessions/" + session["session_id"].(string)
	s := open(path+"/ws", false)
	same(s.nextObject()["status"], "pending")
	call("POST", path+"/result", object{"paid": true})
	same(s.nextObject()["result"], object{"paid": true})
	status, _ := call("DELETE", path, nil)
	same(status, 204)
	same(s.closed(), 1000)
}

func broadcast() {
	s := open("/ws", false)
	status := s.nextObject()
	same(status["type"], "connection:status")
	same(status["payload"], object{"status": "connected"})
	payload := object{"text": words}
	code, answer := call("POST", "/api/v1/events", object{"type": "chat:said", "payload": payload})
	same(code, 202)
	same(answer["receivers"], 1.0)
	epoch, number, _ := strings.Cut(status["position"].(string), "-")
	last, _ := strconv.Atoi(number)
	position := epoch + "-" + strconv.Itoa(last+1)
	expected := object{"type": "chat:said", "payload": payload, "timestamp": answer["timestamp"], "position": position}
	same(s.nextObject(), expected)
	same(s.close(1000, "enough"), 1000)
}

func refused() {
	for _, headers := range []http.Header{
		{},
		{"X-Api-Key": {"wrong"}},
		{"Authorization": {"Bearer wrong"}},
	} {
		_, response, err := dial("/api/v1/sessions/any/ws", false, headers)
		if !errors.Is(err, websocket.ErrBadHandshake) {
			panic(fmt.Errorf("expected a refusal, found %v", err))
		}
		same(response.StatusCode, 401)
	}
}

func main() {
	fmt.Println("client: gorilla", version)
	for _, scenario := range []struct {
		name string
		play func()
	}{
		{"text", func() { whole(false, websocket.TextMessage, []byte(words)) }},
		{"binary", func() { whole(false, websocket.BinaryMessage, []byte{0, 1, 127, 128, 255}) }},
		{"1 MiB", func() {
			whole(false, websocket.BinaryMessage, noise())
			whole(false, websocket.TextMessage, letters())
		}},
		{"fragments", func() { fragments(false) }},
		{"ping", ping},
		{"compressed", func() {
			whole(true, websocket.TextMessage, letters())
			whole(true, websocket.BinaryMessage, letters(), noise())
		}},
		{"compressed fragments", func() { fragments(true) }},
		{"close by the client", func() { same(open("/echo", false).close(4321, "enough"), 4321) }},
		{"close by the hub", closeByTheHub},
		{"broadcast", broadcast},
		{"refused", refused},
	} {
		report(scenario.name, scenario.play)
	}
}

func report(name string, play func()) {
	defer func() {
		if reason := recover(); reason != nil {
			text := strings.Join(strings.Fields(fmt.Sprint(reason)), " ")
			fmt.Printf("FAILED: %s: %s\n", name, text)
		} else {
			fmt.Println("ok:", name)
		}
	}()
	play()
}
