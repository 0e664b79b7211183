// Package archive keeps the histories of closed executions in a place, before the end of their
// retention deletes them, and reads them there. An object holds executions of one domain, or
// state machine, that closed on one day, each a line of JSON, compressed by gzip:
//
//	README.txt
//	SERVICE/ACCOUNT/REGION/NAME/2026-03-01/20260401T120000.000Z-3f90a1b2.jsonl.gz
//
// An Archiver goes along the rows by which shards forget runs, and remembers how far it has come
// in each shard; a shard deletes nothing beyond that. What is written is durable before it is
// remembered. So after a kill some executions are written once more, to other objects, and
// reading gives each once.
package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/bucket"
	"heddle/internal/bucket/place"
	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// Options say where histories are kept; the zero value keeps none.
type Options struct {
	To    string        `name:"archive" env:"HEDDLE_ARCHIVE" placeholder:"PLACE" group:"Archive" help:"Folder, or s3://BUCKET/PREFIX, to which the histories of closed executions are written before the end of their retention deletes them. Default: nowhere, they are deleted. They are in the clear there."`
	Every time.Duration `name:"archive-every" default:"10m" min:"1s" max:"24h" env:"HEDDLE_ARCHIVE_EVERY" group:"Archive" help:"How often what has come to the end of its retention is written. An object has what came meanwhile."`
	S3    place.Options `embed:"" prefix:"archive-" envprefix:"HEDDLE_ARCHIVE_" group:"Archive"`
}

// Check refuses what can't be. It calls nobody.
func (o *Options) Check() error {
	if o.To == "" {
		return nil
	}
	err := o.S3.Check("archive-")
	if located := place.CheckLocation(o.To); located != nil {
		err = errors.Join(err, fmt.Errorf("--archive: %w", located))
	}
	return err
}

// Execution is what an archive says of an execution beside its events.
type Execution struct {
	Service string    `json:"service"` // swf, states
	Account string    `json:"account"`
	Region  string    `json:"region"`
	In      string    `json:"in"`            // domain, or name of the state machine
	ID      string    `json:"id"`            // workflowId, or name of the execution
	Run     string    `json:"run,omitempty"` // runId
	ARN     string    `json:"executionArn,omitempty"`
	Type    string    `json:"type,omitempty"` // name and version
	Status  string    `json:"status"`
	Tags    []string  `json:"tags,omitempty"`
	Started time.Time `json:"started"`
	Closed  time.Time `json:"closed"`
	// Error says why the events are not all there. What is stored of them was damaged.
	Error string `json:"error,omitempty"`
}

// Of says what the kernel knows of a closed run.
func Of(service string, v *engine.RunView) Execution {
	return Execution{
		Service: service, Account: v.Name.World.Account, Region: v.Name.World.Region,
		Started: time.UnixMilli(int64(v.Started)).UTC(), Closed: time.UnixMilli(int64(v.Closed)).UTC(),
	}
}

// key tells runs apart.
func (e *Execution) key() string { return e.ID + "\x00" + e.Run + "\x00" + e.ARN }

// partition is what the keys of the objects begin with that have it.
func (e *Execution) partition() string {
	return e.Service + "/" + e.Account + "/" + e.Region + "/" + url.PathEscape(e.In) + "/" + e.Closed.UTC().Format(time.DateOnly) + "/"
}

// Config is what an Archiver is made of.
type Config struct {
	// Open opens the place, when there is something to be written.
	Open  func(ctx context.Context) (*place.Place, error)
	Store store.Store
	// Barrier returns when all is durable that a shard has done by now, and it does nothing at
	// an earlier time any more.
	Barrier func(ctx context.Context, shard uint16) error
	Shards  uint16
	// Name says what an archive says of a closed run; false: it is none to be kept.
	Name func(*engine.RunView) (Execution, bool)
	// Moved hears that a shard may forget more.
	Moved func(shard uint16)
	// BytesMax is how much compressed text is held, but for that of one execution; 0:
	// passBytesMax.
	BytesMax int
	// Random makes names that nobody else makes.
	Random io.Reader
	Log    *slog.Logger
}

// Bounds of a pass.
const (
	passBytesMax = 32 << 20 // bytes that are held
	// pageBytes is how much of a history is read at a time.
	pageBytes = 1 << 20
	// dueMax is how many runs of a shard are looked at at a time.
	dueMax = 1000
	// triesMax is how often what can't be read is tried again before it is kept as it is.
	triesMax = 3
)

// Archiver writes what is to be forgotten to a place. One goroutine uses it, but for Until and
// Status. Where several nodes share a store, one of them makes passes, and the others Follow.
type Archiver struct {
	Config
	runs   runlog.Reader
	row    []byte // as it is stored
	at     []position
	until  []atomic.Int64
	failed map[engine.RunID]int
	place  *place.Place // nil: not open, or there was an error
	proven bool         // the last try to write to the place succeeded

	mu     sync.Mutex // guards status
	status Status
}

// position is the last row of a shard that was written; zero: none.
type position struct {
	time engine.Time
	run  engine.RunID
}

// Status is how an archive is.
type Status struct {
	Executions int64 // that were written since the start
	Bytes      int64
	Failures   int64       // passes that failed
	Tried      engine.Time // the last pass; zero: there was none
	Oldest     engine.Time // when the oldest that is not written came to the end of its retention; zero: none waits
	Since      engine.Time // since when it fails; zero: it does not
	Error      string
}

// rowKey is where it is remembered how far each shard is written.
const rowKey = "archive/shards"

const positionBytes = 8 + 16

// New makes an Archiver, and reads how far it has come.
func New(ctx context.Context, c Config) (*Archiver, error) {
	if c.BytesMax == 0 {
		c.BytesMax = passBytesMax
	}
	a := &Archiver{Config: c, runs: runlog.NewReader(c.Store, c.Shards), at: make([]position, c.Shards), until: make([]atomic.Int64, c.Shards), failed: map[engine.RunID]int{}}
	if _, err := a.read(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// read takes in how far the archive has come, as it is remembered; another node may have written it. It gives
// the shards that have come further.
func (a *Archiver) read(ctx context.Context) (moved []uint16, err error) {
	row, err := a.Store.Meta().Get(ctx, rowKey)
	if errors.Is(err, store.ErrNotFound) {
		a.row = nil
		return nil, nil
	}
	if err == nil && len(row) != positionBytes*int(a.Shards) {
		err = fmt.Errorf("%d bytes, want %d", len(row), positionBytes*int(a.Shards))
	}
	if err != nil {
		return nil, fmt.Errorf("read how far the archive has come: %w", err)
	}
	if bytes.Equal(row, a.row) {
		return nil, nil
	}
	a.row = row
	for i := range a.at {
		b := row[i*positionBytes:]
		at := position{engine.Time(binary.BigEndian.Uint64(b)), engine.RunID(b[8:positionBytes])}
		if at.time < a.at[i].time || at == a.at[i] {
			continue // this one has looked further, and found nothing
		}
		a.at[i] = at
		a.until[i].Store(int64(at.time) - 1)
		moved = append(moved, uint16(i))
	}
	return moved, nil
}

// Follow takes in how far another node has written, which does so for all: what is there may be forgotten here.
func (a *Archiver) Follow(ctx context.Context, now engine.Time) error {
	err := a.catchUp(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status.Tried = now
	a.note(err, 0)
	return err
}

// catchUp goes on from where the archive has come to, and lets the shards do so.
func (a *Archiver) catchUp(ctx context.Context) error {
	moved, err := a.read(ctx)
	for _, shard := range moved {
		a.Moved(shard)
	}
	return err
}

// note has the status say what came of a try, and what waited meanwhile. The mutex is held.
func (a *Archiver) note(err error, oldest engine.Time) {
	s := &a.status
	if err == nil {
		s.Since, s.Error, s.Oldest = 0, "", 0
		return
	}
	if s.Failures++; s.Since == 0 {
		s.Since = s.Tried
	}
	if s.Error = err.Error(); oldest != 0 {
		s.Oldest = oldest
	}
}

// Until is the end of the retention of the runs that a shard may forget: up to that moment, all
// are written.
func (a *Archiver) Until(shard uint16) engine.Time { return engine.Time(a.until[shard].Load()) }

// Status tells how the archive is.
func (a *Archiver) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Pass writes what has come to the end of its retention before now, as much as there is room for;
// more: there is more. If nothing has, the first pass and those after one that failed write aboutKey: so
// a place that can't be written is found out at once, and not at the end of the first retention.
func (a *Archiver) Pass(ctx context.Context, now engine.Time) (more bool, err error) {
	err = a.catchUp(ctx) // another node may have written before
	p := &pass{Archiver: a, zip: gzip.NewWriter(io.Discard), groups: map[string]*bytes.Buffer{}, next: slices.Clone(a.at), until: now - 1}
	if err == nil {
		err = p.run(ctx)
	}
	if err != nil {
		a.proven = false
		err = errors.Join(err, a.Close())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status.Tried = now
	if a.note(err, p.oldest); err != nil {
		return false, err
	}
	a.status.Executions += p.executions
	a.status.Bytes += p.written
	if p.full {
		a.status.Oldest = p.oldest
	}
	return p.full, nil
}

// Close frees what the Archiver holds.
func (a *Archiver) Close() error {
	if a.place == nil {
		return nil
	}
	err := a.place.Close()
	a.place = nil
	return err
}

// pass is one pass.
type pass struct {
	*Archiver
	until      engine.Time
	next       []position
	zip        *gzip.Writer
	groups     map[string]*bytes.Buffer // objects that are being made, by partition
	bytes      int                      // compressed, of all groups
	full       bool
	oldest     engine.Time // of what is to be written
	executions int64
	written    int64
}

func (p *pass) run(ctx context.Context) error {
	for shard := range p.Shards {
		if p.full {
			break
		}
		if err := p.shard(ctx, shard); err != nil {
			return err
		}
	}
	if err := p.keep(ctx); err != nil {
		return err
	}
	return p.remember(ctx)
}

// due is a run whose retention has ended.
type due = position

// shard takes what is due of a shard.
func (p *pass) shard(ctx context.Context, shard uint16) error {
	if p.at[shard].time > p.until {
		return nil
	}
	// What the shard writes after this is due later.
	if err := p.Barrier(ctx, shard); err != nil {
		return fmt.Errorf("shard %d: %w", shard, err)
	}
	for {
		all, err := p.due(ctx, shard)
		if err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		for _, d := range all {
			if p.oldest == 0 || d.time < p.oldest {
				p.oldest = d.time
			}
			if p.bytes >= p.BytesMax {
				p.full = true
				return nil
			}
			if err := p.take(ctx, d.run); err != nil {
				return err
			}
			p.next[shard] = d
		}
		if len(all) < dueMax {
			p.next[shard] = position{time: p.until + 1}
			return nil
		}
	}
}

// due are the next runs of a shard, in the order in which they are to be forgotten.
func (p *pass) due(ctx context.Context, shard uint16) (all []due, err error) {
	from := p.next[shard]
	after := append(keys.AppendForget(nil, int64(from.time), from.run), 0)
	if from.run.IsZero() {
		after = keys.AppendForget(nil, int64(from.time), from.run)
	}
	err = p.Store.Scan(ctx, shard, store.Range{Start: after, End: keys.AppendForget(nil, int64(p.until)+1, engine.RunID{}), Limit: dueMax}, func(key, _ []byte) bool {
		at, run := keys.ForgetTime(key)
		all = append(all, due{engine.Time(at), run})
		return true
	})
	return all, err
}

// take writes a run to the object that it belongs to.
func (p *pass) take(ctx context.Context, run engine.RunID) error {
	view, err := p.runs.Stored(ctx, run)
	if err != nil {
		return p.unread(ctx, run, err)
	}
	if view == nil || view.Status != engine.Closed { // it is open again, or gone
		return nil
	}
	e, ok := p.Name(view)
	if !ok {
		return nil
	}
	g := p.groups[e.partition()]
	if g == nil {
		g = new(bytes.Buffer)
		p.groups[e.partition()] = g
	}
	before := g.Len()
	// Each line is compressed by itself: who compresses takes a MB, and there may be many groups.
	p.zip.Reset(g)
	if err := p.write(ctx, p.zip, &e, view); err != nil {
		if tried := p.unread(ctx, run, err); tried != nil {
			return tried
		}
	}
	if err := p.zip.Close(); err != nil {
		return err
	}
	p.executions++
	p.bytes += g.Len() - before
	return nil
}

// unread gives an error back until it was met some times in a row: then what is stored is
// damaged, and it would be met for ever.
func (p *pass) unread(ctx context.Context, run engine.RunID, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if p.failed[run]++; p.failed[run] < triesMax {
		return fmt.Errorf("read run %s: %w", run, err)
	}
	delete(p.failed, run)
	p.Log.Error("a run can't be read, and is not whole in the archive", "run", run, "cause", err)
	return nil
}

// write writes a line. Its events come as they are read; if they can't be, the line says so.
func (p *pass) write(ctx context.Context, to io.Writer, e *Execution, view *engine.RunView) error {
	head, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := to.Write(append(head[:len(head)-1], `,"events":[`...)); err != nil {
		return err
	}
	var failed error
	var page []byte
	for next, n := int64(1), int64(0); next <= view.LastEvent; next += n {
		if page, n, failed = p.runs.AppendPage(ctx, page[:0], view.Run, next, view.LastEvent, false, pageBytes); failed != nil {
			break
		}
		if next > 1 {
			page = append([]byte{','}, page...)
		}
		if _, err := to.Write(page); err != nil {
			return err
		}
	}
	end := []byte("]}\n")
	if failed != nil { // the members of a name that comes twice: the last one counts
		why, err := json.Marshal(failed.Error())
		if err != nil {
			return err
		}
		end = fmt.Appendf(nil, `],"error":%s}`+"\n", why)
	}
	if _, err := to.Write(end); err != nil {
		return err
	}
	return failed
}

// keep keeps the objects that were made.
func (p *pass) keep(ctx context.Context) error {
	if len(p.groups) == 0 && p.proven {
		return nil
	}
	if p.place == nil {
		opened, err := p.Open(ctx)
		if err != nil {
			return err
		}
		p.Archiver.place = opened
	}
	if len(p.groups) == 0 {
		if err := p.place.Keep(ctx, aboutKey, bucket.Bytes([]byte(about)), int64(len(about))); err != nil {
			return fmt.Errorf("write to the archive %q: %w", p.place.Location, err)
		}
	}
	for partition, g := range p.groups {
		var unique [4]byte
		if _, err := io.ReadFull(p.Random, unique[:]); err != nil {
			return err
		}
		key := partition + time.UnixMilli(int64(p.until)).UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(unique[:]) + suffix
		if err := p.place.Keep(ctx, key, bucket.Bytes(g.Bytes()), int64(g.Len())); err != nil {
			return fmt.Errorf("write to the archive %q: %w", p.place.Location, err)
		}
		p.written += int64(g.Len())
	}
	p.proven = true
	return nil
}

// aboutKey is the object that says what an archive is.
const (
	aboutKey = "README.txt"
	about    = "Histories of closed executions, as SERVICE/ACCOUNT/REGION/NAME/DAY/*.jsonl.gz. heddle archive reads them.\n"
)

const suffix = ".jsonl.gz"

// remember makes durable how far each shard is written, and lets the shards go on.
func (p *pass) remember(ctx context.Context) error {
	var row []byte
	for _, at := range p.next {
		row = append(binary.BigEndian.AppendUint64(row, uint64(at.time)), at.run[:]...)
	}
	if p.oldest != 0 { // else it would be found out again, and is worth no sync
		err := p.Store.Meta().CompareAndSet(ctx, rowKey, p.row, row)
		if errors.Is(err, store.ErrConflict) { // another node makes passes now, or did just before: the next one sees
			p.full = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("remember how far the archive has come: %w", err)
		}
		p.row = row
	}
	copy(p.at, p.next)
	for shard, at := range p.at {
		if until := int64(at.time) - 1; p.Archiver.until[shard].Swap(until) != until {
			p.Moved(uint16(shard))
		}
	}
	return nil
}
