package audit

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"
)

// destination is where lines of one kind go, with the queue before it.
type destination struct {
	*Trail
	name     string
	kind     Kind
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

// toFiles begins to write lines of a kind to files.
func (t *Trail) toFiles(kind Kind, s sink) {
	d := &destination{Trail: t, name: "files", kind: kind, sink: s, gather: filesGather}
	switch kind {
	case Changes:
		d.gather = 0 // somebody waits for them
		d.queue = newQueue(queueMax[kind], changesWait, t.Within)
	case Calls:
		d.queue = newQueue(queueMax[kind], filesWait, t.Within)
	case Refused:
		d.queue = newQueue(queueMax[kind], 0, nil)
	}
	t.files[kind] = d
	d.start()
}

// toWebhook begins to post lines of a kind to a webhook.
func (t *Trail) toWebhook(kind Kind, s sink) {
	d := &destination{Trail: t, name: "webhook", kind: kind, sink: s, sends: sendsMax, gather: webhookGather, queue: newQueue(queueMax[kind], 0, nil)}
	t.webhook[kind] = d
	d.start()
}

const (
	// filesGather is what a crash of the process may lose of calls and refusals. It
	// spares a write for each line.
	filesGather   = 5 * time.Millisecond
	webhookGather = time.Second
	// filesWait is how long a call waits for room in the queue of the files.
	filesWait = 100 * time.Millisecond
	// changesWait is how long a change waits for room before it is refused.
	changesWait = time.Second
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

// put queues a line that may be lost.
func (d *destination) put(line []byte) {
	if d != nil && d.queue.put(line) == lostFirst {
		d.Log.Error("audit records are being lost: they come faster than they are written", "destination", d.name, "kind", d.kind.String())
	}
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
	var gap []byte
	var untold int64
	gather := func() {
		if d.gather > 0 {
			d.pause(d.gather)
		}
	}
	for of, ok := (drawn{}), true; ; {
		if of, ok = d.queue.draw(of.lines, gather); !ok {
			return
		}
		d.lost.Add(of.lost)
		untold += of.lost
		var err error
		for rest := of.lines; len(rest) > 0; {
			chunk := firstChunk(rest)
			rest = rest[len(chunk):]
			if n := d.deliver(chunk); n > 0 {
				d.lost.Add(n)
				untold += n
				err = errUnsaved
			}
		}
		of.batch.settle(err)
		if untold > 0 {
			gap = d.appendGap(gap[:0], untold)
			if d.deliver(gap) == 0 {
				d.Log.Error("audit records were lost", "destination", d.name, "kind", d.kind.String(), "records", untold)
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
				d.queue.fail(false)
				d.Log.Info("audit records are written again", "destination", d.name, "kind", d.kind.String())
			}
			return 0
		}
		if tried == d.sends || d.closing.Err() != nil {
			lost = int64(bytes.Count(lines, []byte{'\n'}))
			d.Log.Error("audit records are given up", "destination", d.name, "kind", d.kind.String(), "records", lost, "cause", err)
			return lost
		}
		if tried == 1 {
			d.queue.fail(true)
			d.Log.Error("write audit records; it is tried again", "destination", d.name, "kind", d.kind.String(), "cause", err)
		}
		d.pause(pause)
		pause = min(2*pause, pauseMax)
	}
}
