// Package audit keeps a trail of the calls that the server answered: a line of
// JSON for each, in the form of CloudTrail's records, in files that it rotates,
// at a webhook, or both.
//
// A call is recorded before its answer is written. The line goes into a bounded
// queue, from which one goroutine for each destination writes. If the files do
// not keep pace, a call waits for room, but not for long; then lines are lost
// until there is room again. Losses are counted, logged, and stand in the trail as
// a record of their own (eventName AuditRecordsLost). The webhook never makes a
// call wait.
//
// What may be in a record is listed by name (members.go); all else is left out.
// Free-form data of users is hidden unless it is asked for; secrets and tokens
// always are.
//
// Files are not synced line by line: a crash of the process loses what is in the
// queue, a power cut what the kernel had not written. With a key they are packed
// and sealed: a reader without the key sees when records were written, and about
// how many. Who can write to them can take away whole files,
// and lines from the end of one; a Reader notices all else.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Trail is given. Records go to each destination that is named.
type Config struct {
	Files   Files
	Webhook Webhook
	Data    bool // free-form data of users is shown
	Account string
	Region  string
	Now     func() time.Time
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Random func() [16]byte // ids of records
	Log    *slog.Logger
}

// Trail takes records, from any goroutine. Its destinations and contexts are set once,
// by Start.
type Trail struct {
	Config
	lines    sync.Pool
	recorded atomic.Int64
	files    *destination // nil: none
	webhook  *destination // nil: none

	stop         sync.Once
	closing      context.Context // done: nothing is tried again
	startClosing context.CancelFunc
	life         context.Context // done: writes under way are cut
	end          context.CancelFunc
}

// Start opens the destinations.
func Start(c Config) (*Trail, error) {
	t := &Trail{Config: c}
	t.lines.New = func() any { return new([]byte) }
	t.life, t.end = context.WithCancel(context.Background())
	t.closing, t.startClosing = context.WithCancel(t.life)
	var err error
	if c.Files.Dir != "" {
		var f *files
		if f, err = openFiles(c.Files, c.Now, c.Log); err == nil {
			t.toFiles(f)
		}
	}
	if c.Webhook.URL != "" && err == nil {
		var w *webhook
		if w, err = newWebhook(c.Webhook); err == nil {
			t.toWebhook(w)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", errors.Join(err, t.Stop(context.Background())))
	}
	return t, nil
}

// Record takes down a call.
func (t *Trail) Record(c *Call) {
	line := t.lines.Get().(*[]byte)
	*line = c.append((*line)[:0], t.Random(), t.Data)
	for _, d := range t.destinations() {
		if d != nil && d.queue.put(*line) == lostFirst {
			t.Log.Error("audit records are being lost: they come faster than they are written", "destination", d.name)
		}
	}
	t.recorded.Add(1)
	if cap(*line) <= lineKept {
		t.lines.Put(line)
	}
}

// lineKept is how large a line's buffer is at most that is used again.
const lineKept = 64 << 10

func (t *Trail) destinations() [2]*destination { return [2]*destination{t.files, t.webhook} }

// Counts are numbers of records since the start.
type Counts struct{ Recorded, FilesLost, WebhookLost int64 }

// Counts tells how many calls were recorded and how many of the records were lost.
func (t *Trail) Counts() Counts {
	return Counts{t.recorded.Load(), t.files.losses(), t.webhook.losses()}
}

// Stop writes what is queued, and takes no more. When ctx ends first, what is left is
// lost, as is what comes later. A second call does nothing.
func (t *Trail) Stop(ctx context.Context) (err error) {
	t.stop.Do(func() { err = t.finish(ctx) })
	return err
}

func (t *Trail) finish(ctx context.Context) error {
	defer context.AfterFunc(ctx, t.end)()
	t.startClosing()
	var errs []error
	for _, d := range t.destinations() {
		if d != nil {
			d.queue.close()
			<-d.finished
			errs = append(errs, d.sink.close())
		}
	}
	t.end()
	return errors.Join(errs...)
}
