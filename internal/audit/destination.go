package audit

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"
)

// destination is where lines go, with the queue before it.
type destination struct {
	*Trail
	name     string
	sink     sink
	sends    int           // how often a chunk is tried; 0: until it succeeds
	gather   time.Duration // how long lines wait for others
	queue    *queue
	lost     atomic.Int64 // lines that were given up or, before they were taken, lost
	finished chan struct{}
}

// sink takes whole lines. It tells how many bytes it took; the others are given
// again.
type sink interface {
	write(ctx context.Context, lines []byte) (int, error)
	close() error
}

// toFiles begins to write to the files.
func (t *Trail) toFiles(s sink) {
	t.files = &destination{Trail: t, name: "files", sink: s, gather: filesGather, queue: newQueue(filesWait, t.Within)}
	t.files.start()
}

// toWebhook begins to post to the webhook.
func (t *Trail) toWebhook(s sink) {
	t.webhook = &destination{Trail: t, name: "webhook", sink: s, sends: sendsMax, gather: webhookGather, queue: newQueue(0, nil)}
	t.webhook.start()
}

const (
	// filesGather is what a crash of the process may lose. It spares a write for
	// each line.
	filesGather   = 5 * time.Millisecond
	webhookGather = time.Second
	// filesWait is how long a call waits for room in the queue of the files.
	filesWait = 100 * time.Millisecond
)

func (d *destination) start() {
	d.finished = make(chan struct{})
	go d.run()
}

// pause waits, less long if the trail is being closed.
func (d *destination) pause(t time.Duration) {
	rest, cancel := d.Within(d.closing, t)
	<-rest.Done()
	cancel()
}

// losses is how many lines were lost; of no destination none.
func (d *destination) losses() int64 {
	if d == nil {
		return 0
	}
	return d.lost.Load() + d.queue.losing()
}

// run writes what is queued until the queue is closed and empty.
func (d *destination) run() {
	defer close(d.finished)
	var lines, gap []byte
	var lost, untold int64
	for ok := true; ; {
		if lines, lost, ok = d.queue.take(lines, func() { d.pause(d.gather) }); !ok {
			return
		}
		d.lost.Add(lost)
		untold += lost
		for rest := lines; len(rest) > 0; {
			chunk := firstChunk(rest)
			rest = rest[len(chunk):]
			if n := d.deliver(chunk); n > 0 {
				d.lost.Add(n)
				untold += n
			}
		}
		if untold > 0 {
			gap = d.appendGap(gap[:0], untold)
			if d.deliver(gap) == 0 {
				d.Log.Error("audit records were lost", "destination", d.name, "records", untold)
				untold = 0
			}
		}
	}
}

// chunkMax is how many bytes are written at a time, unless a line is longer.
const chunkMax = 256 << 10

// firstChunk is as many lines as are written at a time.
func firstChunk(lines []byte) []byte {
	if len(lines) <= chunkMax {
		return lines
	}
	if end := bytes.LastIndexByte(lines[:chunkMax], '\n'); end >= 0 {
		return lines[:end+1]
	}
	return lines[:bytes.IndexByte(lines, '\n')+1]
}

// A chunk that could not be written is tried again after a pause, which doubles.
const (
	pauseMin = time.Second
	pauseMax = 15 * time.Second
)

// deliver writes lines and tells how many of them were given up.
func (d *destination) deliver(lines []byte) (lost int64) {
	pause := pauseMin
	for tried := 1; ; tried++ {
		n, err := d.sink.write(d.life, lines)
		lines = lines[n:]
		if err == nil {
			if tried > 1 {
				d.Log.Info("audit records are written again", "destination", d.name)
			}
			return 0
		}
		if tried == d.sends || d.closing.Err() != nil {
			lost = int64(bytes.Count(lines, []byte{'\n'}))
			d.Log.Error("audit records are given up", "destination", d.name, "records", lost, "cause", err)
			return lost
		}
		if tried == 1 {
			d.Log.Error("write audit records; it is tried again", "destination", d.name, "cause", err)
		}
		d.pause(pause)
		pause = min(2*pause, pauseMax)
	}
}
