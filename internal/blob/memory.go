package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Memory is a Shelf in memory. Its zero value is empty.
type Memory struct {
	mu    sync.Mutex // guards blobs and fail; fail is called without it
	blobs map[ID]memoryBlob
	fail  func(Step) error
}

// memoryBlob's bytes are never changed in place.
type memoryBlob struct {
	bytes []byte
	put   time.Time
}

// Step is a step of a Memory that can fail.
type Step uint8

const (
	StepBegin   Step = iota // a draft begins
	StepWrite               // bytes come to a draft
	StepKeep                // a draft is to be kept, and is not
	StepKept                // a draft was kept, and its caller does not hear of it
	StepOpen                // a blob is opened
	StepRead                // bytes are read, or the end
	StepStat                // a blob is looked at
	StepList                // a list goes on to its next blob, or begins
	StepDelete              // a blob is to be deleted, and is not
	StepDeleted             // a blob was deleted, and its caller does not hear of it
	Steps                   // how many there are
)

var stepNames = [Steps]string{"begin", "write", "keep", "kept", "open", "read", "stat", "list", "delete", "deleted"}

func (s Step) String() string { return stepNames[s] }

// Fail has a function asked at every step from now on; an error of it fails the
// step. Nil ends that. It is for tests and simulations, and must be safe for
// goroutines if they use the shelf.
func (m *Memory) Fail(fail func(Step) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// FailNext fails the next n steps, and then none.
func (m *Memory) FailNext(n int, err error) {
	var mu sync.Mutex
	m.Fail(func(Step) error {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 {
			return nil
		}
		n--
		return err
	})
}

func (m *Memory) step(ctx context.Context, s Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	fail := m.fail
	m.mu.Unlock()
	if fail == nil {
		return nil
	}
	if err := fail(s); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// Change replaces the stored bytes of a blob, for tests of what then happens. They
// are given a copy.
func (m *Memory) Change(id ID, change func([]byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, found := m.blobs[id]
	if !found {
		panic(fmt.Sprintf("blob: change of %s, which is not there", id))
	}
	b.bytes = change(bytes.Clone(b.bytes))
	m.blobs[id] = b
}

// Begin is part of Shelf.
func (m *Memory) Begin(ctx context.Context) (Draft, error) {
	if err := m.step(ctx, StepBegin); err != nil {
		return nil, err
	}
	return &memoryDraft{shelf: m, ctx: ctx}, nil
}

type memoryDraft struct {
	shelf *Memory
	ctx   context.Context // of Begin
	bytes []byte
}

func (d *memoryDraft) Write(p []byte) (int, error) {
	if err := d.shelf.step(d.ctx, StepWrite); err != nil {
		return 0, err
	}
	d.bytes = append(d.bytes, p...)
	return len(p), nil
}

func (d *memoryDraft) WriteAt(p []byte, offset int64) (int, error) {
	if err := d.shelf.step(d.ctx, StepWrite); err != nil {
		return 0, err
	}
	return copy(d.bytes[offset:], p), nil
}

func (d *memoryDraft) Keep(ctx context.Context, id ID, at time.Time) error {
	if err := d.shelf.step(ctx, StepKeep); err != nil {
		return err
	}
	d.shelf.mu.Lock()
	if d.shelf.blobs == nil {
		d.shelf.blobs = map[ID]memoryBlob{}
	}
	d.shelf.blobs[id] = memoryBlob{d.bytes, at}
	d.shelf.mu.Unlock()
	d.bytes = nil
	return d.shelf.step(ctx, StepKept)
}

func (d *memoryDraft) Discard() error {
	d.bytes = nil
	return nil
}

func (m *Memory) find(id ID) (memoryBlob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, found := m.blobs[id]
	if !found {
		return memoryBlob{}, ErrNotFound
	}
	return b, nil
}

// Open is part of Shelf.
func (m *Memory) Open(ctx context.Context, id ID, offset int64) (io.ReadCloser, error) {
	if err := m.step(ctx, StepOpen); err != nil {
		return nil, err
	}
	b, err := m.find(id)
	if err != nil {
		return nil, err
	}
	return &memoryReader{shelf: m, ctx: ctx, bytes: b.bytes[min(offset, int64(len(b.bytes))):]}, nil
}

type memoryReader struct {
	shelf *Memory
	ctx   context.Context // of Open
	bytes []byte
}

func (r *memoryReader) Read(p []byte) (int, error) {
	if err := r.shelf.step(r.ctx, StepRead); err != nil {
		return 0, err
	}
	if len(r.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.bytes)
	r.bytes = r.bytes[n:]
	return n, nil
}

func (r *memoryReader) Close() error { return nil }

// Stat is part of Shelf.
func (m *Memory) Stat(ctx context.Context, id ID) (Info, error) {
	if err := m.step(ctx, StepStat); err != nil {
		return Info{}, err
	}
	b, err := m.find(id)
	if err != nil {
		return Info{}, err
	}
	return Info{ID: id, Size: int64(len(b.bytes)), Put: b.put}, nil
}

// List is part of Shelf.
func (m *Memory) List(ctx context.Context, after ID, visit func(Info) bool) error {
	m.mu.Lock()
	var all []Info
	for id, b := range m.blobs {
		if id.Compare(after) > 0 {
			all = append(all, Info{ID: id, Size: int64(len(b.bytes)), Put: b.put})
		}
	}
	m.mu.Unlock()
	slices.SortFunc(all, func(a, b Info) int { return a.ID.Compare(b.ID) })
	if err := m.step(ctx, StepList); err != nil {
		return err
	}
	for _, info := range all {
		if !visit(info) {
			return nil
		}
		if err := m.step(ctx, StepList); err != nil {
			return err
		}
	}
	return nil
}

// Delete is part of Shelf.
func (m *Memory) Delete(ctx context.Context, id ID) error {
	if err := m.step(ctx, StepDelete); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.blobs, id)
	m.mu.Unlock()
	return m.step(ctx, StepDeleted)
}
