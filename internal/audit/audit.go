// Package audit keeps a trail of the calls that the server answered: a line of
// JSON for each, in the form of CloudTrail's records, in files that it rotates,
// at a webhook, or both.
//
// There are three kinds of records: changes, other calls, and refusals (kind.go). Each
// kind has queues and files of its own, so that none can be crowded out by another. A
// line goes into a bounded queue, from which one goroutine for each destination and
// kind writes.
//
// A change takes room for its record before it is done (Keep), and is refused if there
// is none. Its answer waits until the record is in the file, and synced. Files of
// changes are kept for a time at least; the room that they may fill till then is
// bounded, and shared out (changes.go).
//
// Other calls are recorded before their answer is written. If the files do not keep
// pace, a call waits for room, but not for long; then lines are lost until there is
// room again. Losses are counted, logged, and stand in the trail as a record of their
// own (eventName AuditRecordsLost). Of refusals the first of their sort are recorded,
// the others are counted (refusals.go). The webhook never makes a call wait.
//
// What may be in a record each service lists by name (Members); all else is left out.
// Free-form data of users is hidden unless it is asked for; secrets and tokens
// always are.
//
// Calls and refusals are not synced line by line: a crash of the process loses what is
// in the queue, a power cut what the kernel had not written. With a key files are packed
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
	Node    string // of a cluster, which records say then; empty: the server is alone
	Now     func() time.Time
	// Within ends a context after a while, as context.WithTimeout does.
	Within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	Random func() [16]byte // ids of records
	// Fails tells whether what else is kept on the disk of the files can't be written now:
	// then changes are refused, as they are when these files fail. Nil: there is nothing.
	Fails func() bool
	Log   *slog.Logger
}

// Trail takes records, from any goroutine. Its destinations and contexts are set once,
// by Start.
type Trail struct {
	Config
	lines    sync.Pool
	recorded atomic.Int64
	files    [kinds]*destination // nil: none
	webhook  [kinds]*destination // nil: none
	changes  changes
	refusals refusals

	stop         sync.Once
	closing      context.Context // done: nothing is tried again
	startClosing context.CancelFunc
	life         context.Context // done: writes under way are cut
	end          context.CancelFunc
	windows      sync.WaitGroup
}

// Start opens the destinations.
func Start(c Config) (*Trail, error) {
	t := &Trail{Config: c}
	t.lines.New = func() any { return new([]byte) }
	t.life, t.end = context.WithCancel(context.Background())
	t.closing, t.startClosing = context.WithCancel(t.life)
	t.refusals.opened = make(chan struct{}, 1)
	t.windows.Go(t.runWindows)
	var err error
	for kind := range Kind(kinds) {
		if c.Files.Dir != "" && err == nil {
			var f *files
			if f, err = openFiles(c.Files, kind, c.Now, c.Log); err == nil {
				t.toFiles(kind, f)
			}
			if kind == Changes {
				t.changes.files = f
			}
		}
		if c.Webhook.URL != "" && err == nil {
			var w *webhook
			if w, err = newWebhook(c.Webhook); err == nil {
				t.toWebhook(kind, w)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", errors.Join(err, t.Stop(context.Background())))
	}
	return t, nil
}

// recordWait is how long a change waits until its record is written.
const recordWait = 10 * time.Second

// Record takes down a call. A change fails if its record is not known to be in the
// files: its caller must not hear that all is well.
func (t *Trail) Record(c *Call) error {
	line := t.lines.Get().(*[]byte)
	*line = c.append((*line)[:0], t.Random(), t.Node, t.Data)
	defer func() {
		if cap(*line) <= lineKept {
			t.lines.Put(line)
		}
	}()
	t.recorded.Add(1)
	if c.Kept && c.Kind != Changes {
		t.leave(c.Identity.spender())
	}
	if c.Kind == Refused && !t.refusals.whole(c, len(*line)) {
		return nil
	}
	t.webhook[c.Kind].put(*line)
	to := t.files[c.Kind]
	if c.Kind != Changes || to == nil {
		to.put(*line)
		return nil
	}
	principal := c.Identity.spender()
	t.changes.charge(principal, len(*line), t.Now())
	defer t.changes.exit(principal)
	return t.written(to.queue.fill(*line))
}

// written waits until lines are written.
func (t *Trail) written(b *batch) error {
	patience, cancel := t.Within(context.Background(), recordWait)
	defer cancel()
	select {
	case <-b.settled:
		return b.err
	case <-patience.Done():
		return errFailing
	}
}

// lineKept is how large a line's buffer is at most that is used again.
const lineKept = 64 << 10

func (t *Trail) destinations() []*destination {
	var all []*destination
	for kind := range kinds {
		for _, d := range []*destination{t.files[kind], t.webhook[kind]} {
			if d != nil {
				all = append(all, d)
			}
		}
	}
	return all
}

// Counts are numbers since the start, but for the last.
type Counts struct {
	Recorded     int64 // calls
	FilesLost    int64 // records
	WebhookLost  int64 // records
	Merged       int64 // refused calls that are only counted in a record
	ChangesOver  int64 // changes that were refused for want of room for their records
	FilesDeleted int64
	ChangesNow   int64 // changes that are on their way, with room for their records
}

// Counts tells how many calls were recorded and what became of the records.
func (t *Trail) Counts() Counts {
	c := Counts{Recorded: t.recorded.Load(), Merged: t.refusals.merged.Load(), ChangesOver: t.changes.refused.Load(), ChangesNow: t.changes.now()}
	for kind := range kinds {
		c.FilesLost += t.files[kind].losses()
		c.WebhookLost += t.webhook[kind].losses()
		if d := t.files[kind]; d != nil {
			if f, ok := d.sink.(*files); ok {
				c.FilesDeleted += f.deleted.Load()
			}
		}
	}
	return c
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
	t.windows.Wait()
	var errs []error
	for _, d := range t.destinations() {
		d.queue.close()
	}
	for _, d := range t.destinations() {
		<-d.finished
		errs = append(errs, d.sink.close())
	}
	t.end()
	return errors.Join(errs...)
}
