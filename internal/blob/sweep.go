package blob

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// GraceDefault is how long a blob may be unreferenced at least.
const GraceDefault = time.Hour

// Bounds of a sweep.
const (
	// doomedMaxDefault blobs take about 30 MB while they wait to be deleted.
	doomedMaxDefault = 1 << 18
	// failuresMax failures end a sweep; something is wrong with more than a blob.
	failuresMax = 100
	// failuresTold are in the error that a sweep returns.
	failuresTold = 10
)

// putCoarse is by how much a blob may be younger than its time of Put says: buckets
// and some file systems cut times to whole seconds.
const putCoarse = 2 * time.Second

// References says which blobs are referred to. It must see what was committed before
// it is asked.
type References interface {
	Referenced(ctx context.Context, id ID) (bool, error)
}

// Sweeper deletes what nobody refers to.
//
// A blob goes when two sweeps, at least Grace apart, both found it unreferenced, and
// so did those between, and it was last put before the first of them. The second
// sweep looks at the blob's time, asks for references and deletes while no Put of
// the same bytes can go on: such a Put was before, and the blob stays, or it comes
// after, and makes the blob anew. So a caller that refers to a blob within Grace of its
// Put finds it there. A caller that did not put it, and has its ID from elsewhere,
// must know that a reference stands until its own is committed.
//
// A shelf that several processes put to is an AsSeen: a Put elsewhere comes before the sweep's
// look at the blob, or between that and its end, which then deletes nothing, or it makes the blob
// anew. One of them sweeps.
//
// What the first sweep found is in memory. After a start, or on other nodes than
// that of the Library, nothing is remembered, and blobs stay for longer.
//
// References are asked, at the second sweep, while Puts of that one blob wait; they
// must not wait for a Put.
type Sweeper struct {
	Library    *Library
	References References
	// Grace is GraceDefault if it is 0.
	Grace time.Duration
	// DoomedMax is how many blobs are remembered that one sweep found unreferenced;
	// what is beyond comes to its turn at later sweeps. 0 is 262,144.
	DoomedMax int
}

// Swept is what a sweep found and did.
type Swept struct {
	Blobs, Bytes          int64 // all that it saw, and those stored bytes
	Waiting, WaitingBytes int64 // unreferenced, and not yet to be deleted
	Deleted, DeletedBytes int64
	Failures              int64 // blobs that were left since References or the shelf failed
}

// Sweep goes over all blobs once. The time is that of the Library's clock. It does
// what it can: errors of single blobs are told at the end, and leave those blobs for
// later sweeps.
func (s *Sweeper) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	s.Library.sweeping.Lock()
	defer s.Library.sweeping.Unlock()
	w := &sweep{Sweeper: s, now: now, gate: &s.Library.gate, grace: s.Grace, max: s.DoomedMax}
	if w.grace == 0 {
		w.grace = GraceDefault
	}
	if w.max == 0 {
		w.max = doomedMaxDefault
	}
	w.gate.beginSweep()
	err := s.Library.List(ctx, ID{}, func(info Info) bool {
		if ctx.Err() != nil || w.swept.Failures >= failuresMax {
			return false
		}
		if err := w.visit(ctx, info); err != nil {
			w.failed(fmt.Errorf("blob %s: %w", info.ID, err))
		}
		return true
	})
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
	case w.swept.Failures >= failuresMax:
		err = fmt.Errorf("ended after %d failures", w.swept.Failures)
	default:
		w.gate.endSweep()
	}
	if err = errors.Join(err, errors.Join(w.failures...)); err != nil {
		return w.swept, fmt.Errorf("sweep blobs: %w", err)
	}
	return w.swept, nil
}

// sweep is one sweep.
type sweep struct {
	*Sweeper
	gate     *gate
	now      time.Time
	grace    time.Duration
	max      int
	swept    Swept
	failures []error
}

func (w *sweep) failed(err error) {
	w.swept.Failures++
	if len(w.failures) < failuresTold {
		w.failures = append(w.failures, err)
	}
}

// visit does what is to be done with one blob.
func (w *sweep) visit(ctx context.Context, info Info) error {
	w.swept.Blobs++
	w.swept.Bytes += info.Size
	since, doomed := w.gate.doomedSince(info.ID)
	if doomed && w.now.Sub(since) >= w.grace {
		return w.end(ctx, info)
	}
	referenced, err := w.References.Referenced(ctx, info.ID)
	if err != nil {
		return err
	}
	if referenced {
		w.gate.spare(info.ID)
		return nil
	}
	if !doomed && putBefore(info, w.now) {
		w.gate.doom(info.ID, w.now, w.max)
	}
	w.wait(info)
	return nil
}

func (w *sweep) wait(info Info) {
	w.swept.Waiting++
	w.swept.WaitingBytes += info.Size
}

// putBefore tells whether a blob was certainly last put before a moment.
func putBefore(info Info, moment time.Time) bool { return info.Put.Add(putCoarse).Before(moment) }

// end deletes a blob whose time has come, unless it was put again or is referred to.
func (w *sweep) end(ctx context.Context, info Info) error {
	leave := w.gate.enter(info.ID)
	defer leave()
	since, doomed := w.gate.doomedSince(info.ID)
	if !doomed { // put just now
		w.wait(info)
		return nil
	}
	info, err := w.Library.shelf.Stat(ctx, info.ID)
	if errors.Is(err, ErrNotFound) {
		return nil // deleted just now
	}
	if err != nil {
		return err
	}
	if !putBefore(info, since) {
		w.gate.spare(info.ID)
		w.wait(info)
		return nil
	}
	referenced, err := w.References.Referenced(ctx, info.ID)
	if err != nil {
		return err
	}
	if referenced {
		w.gate.spare(info.ID)
		return nil
	}
	if err := w.Library.deleteSeen(ctx, info); err != nil {
		return err
	}
	w.swept.Deleted++
	w.swept.DeletedBytes += info.Size
	return nil
}
