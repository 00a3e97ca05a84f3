// What was told, and what follows from it: each second as plain numbers, for two minutes.

/** Seconds that are shown. */
export const SECONDS = 120;

/** One report after the other; rates come from the difference between two of the same run of the server. */
export class History {
  /** The last seconds, the newest last: `at` is when it was told, by the clock of this page, in seconds. */
  samples = [];
  #last = null;

  /** Takes in a report and gives what it amounts to. */
  add(report, at) {
    const isSameRun = this.#last?.process.start_micros === report.process.start_micros && this.#last?.uptime_ms < report.uptime_ms;
    const sample = { at, ...measure(report, isSameRun ? this.#last : null) };
    this.#last = report;
    this.samples.push(sample);
    const oldest = at - SECONDS - 2;
    while (this.samples[0].at < oldest) this.samples.shift();
    return sample;
  }

  /** The sample of so many seconds before `now`, if there is one within a second and a half of it. */
  find(now, ago) {
    const far = (sample) => Math.abs(now - ago - sample.at);
    const best = this.samples.reduce((best, sample) => (best && far(best) <= far(sample) ? best : sample), undefined);
    return best && far(best) <= 1.5 ? best : undefined;
  }
}

/** A report in the page's words; what is a rate is `null` in the first report of a run. */
function measure(report, before) {
  const seconds = before ? (report.uptime_ms - before.uptime_ms) / 1000 : null;
  const rate = (now, then) => (before ? (now - then) / seconds : null);
  const sum = (one, name) => one?.apps.reduce((all, app) => all + app[name], 0) ?? 0;
  const total = (name) => sum(report, name);
  const totalRate = (name) => rate(total(name), sum(before, name));
  const plainRate = (name) => rate(report[name], before?.[name]);
  const cpu = rate(report.process.cpu_micros, before?.process.cpu_micros);

  const apps = report.apps.map((app, index) => {
    const was = before?.apps[index];
    const appRate = (name) => rate(app[name], was?.[name]);
    return {
      ...app,
      received_rate: appRate("messages_received"),
      published_rate: appRate("messages_published"),
      delivered_rate: appRate("messages_delivered"),
      closed: Object.values(app.closes).reduce((all, one) => all + one, 0),
    };
  });
  const requestsBefore = new Map(before?.http_requests.map((one) => [name(one), one.count]));
  const requests = report.http_requests.map((one) => ({
    ...one,
    rate: rate(one.count, requestsBefore.get(name(one)) ?? 0),
  }));

  return {
    report,
    apps,
    requests,
    connections: total("connections"),
    rooms: total("rooms"),
    received: totalRate("messages_received"),
    published: totalRate("messages_published"),
    delivered: totalRate("messages_delivered"),
    dropped: totalRate("messages_dropped"),
    droppedTotal: total("messages_dropped"),
    queueBytes: report.queue_bytes,
    turnP50: report.loop_turn.p50_micros,
    turnP99: report.loop_turn.p99_micros,
    writeP50: report.publish_to_write.p50_micros,
    writeP99: report.publish_to_write.p99_micros,
    answered: rate(answers(report), answers(before)),
    refused: rate(answers(report, 400), answers(before, 400)),
    receivedBytes: plainRate("received_bytes"),
    sentBytes: plainRate("sent_bytes"),
    cpu: cpu === null || Number.isNaN(cpu) ? null : cpu / 10_000,
    memory: report.process.resident_memory_bytes ?? null,
    ...measureStore(report.store, before?.store, rate),
  };
}

/** The same of what is kept; all is `null` where nothing is. */
function measureStore(store, before, rate) {
  const storeRate = (name) => (store && before ? rate(store[name], before[name]) : null);
  return {
    commits: storeRate("commits"),
    commitFailures: storeRate("failures"),
    commitP50: store?.commit.p50_micros ?? null,
    commitP99: store?.commit.p99_micros ?? null,
    waiting: store?.waiting ?? null,
    storeBytes: store?.bytes ?? null,
  };
}

/** Requests answered with this status or one above it. */
const answers = (report, least = 0) =>
  report?.http_requests.filter(({ status }) => status >= least).reduce((all, { count }) => all + count, 0) ?? 0;

const name = (request) => `${request.status} ${request.route}`;
