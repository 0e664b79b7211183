package shard

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
)

// TestCheckFindsDamage holds that Check finds each row that is missing and each
// record that is wrong. A check that finds nothing is of no use.
func TestCheckFindsDamage(t *testing.T) {
	h := newHarness(t, 2)
	for range 6 {
		h.must("open", toyAdd{Text: strings.Repeat("x", 4000)}) // it has a snapshot
	}
	h.must("open", toyOffer{})
	h.must("open", toyWake{At: h.now + 1<<40})
	h.must("closed", toyAdd{})
	h.must("closed", toyClose{Forget: h.now + 1<<40})
	from := runlog.Route(h.cfg.Hash, 2, toyName("open"))
	to := 0
	for ; runlog.Route(h.cfg.Hash, 2, toyName(fmt.Sprint(to))) == from; to++ {
	}
	h.must("open", toyTell{fmt.Sprint(to)})
	h.settle()
	h.now += 2 * ackDelay
	h.settle() // what was handled is deleted
	h.give("open", toyTell{fmt.Sprint(to)})
	h.step(h.shards[from]) // the second message is under way
	d := &damage{harness: h}
	if wrong := d.wrong(); len(wrong) > 0 {
		t.Fatalf("sound, and yet: %s", wrong)
	}

	found := map[byte]int{}
	for _, r := range d.rows() {
		switch r.key[0] {
		case keys.Note: // nothing else tells of them
			continue
		}
		r.remove(d)
		if wrong := d.wrong(); len(wrong) == 0 {
			t.Errorf("row %q of space %d was removed, and nothing is found", r.key, r.space)
		} else if r.space == store.ShardSpace {
			found[r.key[0]]++
		}
		r.put(d, r.value)
	}
	for _, kind := range []byte{keys.OpenRun, keys.ClosedRun, keys.History, keys.Snapshot, keys.Forget, keys.Outgoing, keys.Applied, keys.Sent} {
		if found[kind] == 0 {
			t.Errorf("no row of kind %q was there to be removed", kind)
		}
	}

	for what, change := range map[string]func(*runlog.Head){
		"status":                  func(r *runlog.Head) { r.Status = engine.Open + engine.Closed - r.Status },
		"group":                   func(r *runlog.Head) { r.Group += "x" },
		"start time":              func(r *runlog.Head) { r.Started++ },
		"close time":              func(r *runlog.Head) { r.Closed++ },
		"end of retention":        func(r *runlog.Head) { r.Forget++ },
		"next user timer":         func(r *runlog.Head) { r.Timer++ },
		"number of tasks at work": func(r *runlog.Head) { r.Working++ },
		"having a deadline":       func(r *runlog.Head) { r.Wake = 1 - min(r.Wake, 1) },
		"listing":                 func(r *runlog.Head) { r.Listing = append(r.Listing, 'x') },
		"last event":              func(r *runlog.Head) { r.NextEvent++ },
		"offers":                  func(r *runlog.Head) { r.Offers = append(r.Offers, engine.Offer{List: "toys", ID: 1 << 20}) },
		"name":                    func(r *runlog.Head) { r.Name.Key += "x" },
	} {
		for _, r := range d.rows() {
			if r.space != store.ShardSpace || r.key[0] != keys.OpenRun && r.key[0] != keys.ClosedRun {
				continue
			}
			rec, err := runlog.ReadHead(keys.Run(r.key), r.value)
			if err != nil {
				t.Fatal(err)
			}
			change(rec)
			r.put(d, rec.Append(nil))
			if wrong := d.wrong(); len(wrong) == 0 {
				t.Errorf("the %s of run %q is wrong, and nothing is found", what, rec.Name.Key)
			}
			r.put(d, r.value)
		}
	}
	if wrong := d.wrong(); len(wrong) > 0 {
		t.Errorf("all was put back, and yet: %s", wrong)
	}

	message := runlog.AppendMessage(nil, &engine.Message{To: toyName("open")})
	other := uint16(1 - from)
	for what, r := range map[string]damaged{
		"a message above the count":          {key: keys.AppendOutgoing(nil, other, 99), value: message},
		"a count that is cut off":            {key: keys.AppendShard(nil, keys.Sent, other), value: []byte{1}},
		"a mark that is cut off":             {key: keys.AppendShard(nil, keys.Applied, other), value: []byte{1}},
		"a parked message that is no text":   {key: keys.AppendParked(nil, h.shards[from].names.get(toyName("open")).Run, other, 1), value: []byte{1}},
		"a message that can't be read":       {key: keys.AppendOutgoing(nil, other, 2), value: []byte{1}},
		"a turn behind the record's last":    {key: keys.AppendHistory(nil, h.shards[from].names.get(toyName("open")).Run, 1<<20), value: []byte{1}},
		"an index entry that is too short":   {space: store.IndexSpace, key: []byte{1}},
		"a record in the place of another's": {key: keys.AppendRun(nil, keys.OpenRun, engine.RunID{1}), value: []byte{1}},
	} {
		r.shard = uint16(from)
		before, known := r.read(d)
		r.put(d, r.value)
		if wrong := d.wrong(); len(wrong) == 0 {
			t.Errorf("%s, and nothing is found", what)
		}
		if known {
			r.put(d, before)
		} else {
			r.remove(d)
		}
	}
	if wrong := d.wrong(); len(wrong) > 0 {
		t.Errorf("all was taken away, and yet: %s", wrong)
	}
}

// damage writes to a store past its shards.
type damage struct{ *harness }

// damaged is a row that may be changed.
type damaged struct {
	shard      uint16
	space      store.Space
	key, value []byte
}

// rows are all rows of the store. Those of the index count as of shard 0.
func (d *damage) rows() (all []damaged) {
	row := damaged{}
	add := func(key, value []byte) bool {
		row.key, row.value = append([]byte(nil), key...), append([]byte(nil), value...)
		all = append(all, row)
		return true
	}
	for row.shard = range d.cfg.Shards {
		if err := d.store.Scan(context.Background(), row.shard, store.Range{}, add); err != nil {
			d.t.Fatal(err)
		}
	}
	row.shard, row.space = 0, store.IndexSpace
	if err := d.store.ScanIndex(context.Background(), store.Range{}, add); err != nil {
		d.t.Fatal(err)
	}
	return all
}

func (d *damage) acquire(shard uint16) store.Handle {
	h, err := d.store.Acquire(context.Background(), shard)
	if err != nil {
		d.t.Fatal(err)
	}
	return h
}

// read gives what stands in the row's place.
func (r *damaged) read(d *damage) (value []byte, known bool) {
	if r.space == store.IndexSpace {
		return nil, false
	}
	values, err := d.store.Get(context.Background(), []store.Place{{Shard: r.shard, Key: r.key}})
	if err != nil {
		d.t.Fatal(err)
	}
	return values[0], values[0] != nil
}

func (r *damaged) remove(d *damage) {
	r.write(d, store.Op{Kind: store.Delete, Space: r.space, Key: r.key})
}

func (r *damaged) put(d *damage, value []byte) {
	r.write(d, store.Op{Kind: store.Put, Space: r.space, Key: r.key, Value: value})
}

func (r *damaged) write(d *damage, op store.Op) {
	h := d.acquire(r.shard)
	section := store.Section{Shard: r.shard, Epoch: h.Epoch(), Seq: h.Seq() + 1, Stamp: h.Stamp(), Ops: []store.Op{op}}
	if err := d.store.Commit(context.Background(), []store.Section{section})[0]; err != nil {
		d.t.Fatal(err)
	}
}

// trips counts how often a store that is far away would be asked.
type trips struct {
	store.Snapshot
	gets, scans int
}

func (t *trips) Get(ctx context.Context, places []store.Place) ([][]byte, error) {
	t.gets++
	return t.Snapshot.Get(ctx, places)
}

func (t *trips) Scan(ctx context.Context, shard uint16, r store.Range, visit store.Visit) error {
	t.scans++
	return t.Snapshot.Scan(ctx, shard, r, visit)
}

// TestCheckAsksForManyRowsAtATime: of each run it asks for the beginning of its log, the rest, its notes, and what is behind its end; all else
// of many runs together.
func TestCheckAsksForManyRowsAtATime(t *testing.T) {
	h := newHarness(t, 1)
	took := func() trips {
		h.settle()
		view, err := h.store.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer view.Close()
		counted := trips{Snapshot: view}
		found, err := runlog.Check(t.Context(), &counted, runlog.Checking{Shards: h.cfg.Shards, Hash: h.cfg.Hash, Rules: h.cfg.Rules})
		if err != nil || len(found.Wrong) > 0 {
			t.Fatal(found.Wrong, err)
		}
		return counted
	}
	const runs = 200
	before := took()
	for i := range runs {
		key := fmt.Sprint(i)
		h.must(key, toyAdd{Text: "x"})
		if i%2 == 0 {
			h.must(key, toyClose{Forget: h.now + 1<<40})
		}
	}
	after := took()
	gets, scans := after.gets-before.gets, after.scans-before.scans
	if gets > runs+20 || scans > 3*runs {
		t.Errorf("for %d runs the store is asked for rows %d times, and for ranges %d times", runs, gets, scans)
	}
}
