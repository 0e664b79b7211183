package audit

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// keepAll takes room until there is none, and gives how often there was and how long the
// last attempt took.
func (h *house) keepAll(by Identity, root bool) (n int, took time.Duration, err error) {
	for ; n < 10_000; n++ {
		began := time.Now()
		if err = h.Keep(&by, root); err != nil {
			return n, time.Since(began), err
		}
	}
	return n, 0, nil
}

// TestRoomIsTakenBeforeAChange: places bound what may be on its way; who finds none is
// slowed down, then refused.
func TestRoomIsTakenBeforeAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{opened: make(chan struct{})}
		close(g.opened)
		h := behind(t, g)
		// Nobody has it all, so that there is some for others.
		n, took, err := h.keepAll(user("ann"), false)
		if want := queueMax[Changes] / placeBytes / 2; n != want || took != 0 || !errors.Is(err, errManyAtOnce) {
			t.Errorf("room for %d, want %d; then %v after %s", n, want, err, took)
		}
		if log := h.logged(); strings.Count(log, "changes are refused") != 1 || !strings.Contains(log, "user/ann") {
			t.Error(log)
		}
		if n, _, err := h.keepAll(user("carl"), true); n != queueMax[Changes]/placeBytes/2 {
			t.Errorf("room for %d more: %v", n, err)
		}
		began := time.Now()
		if err := h.Keep(&Identity{ARN: "bob"}, false); !errors.Is(err, errNoRoom) || time.Since(began) != changesWait {
			t.Errorf("no room: %v after %s", err, time.Since(began))
		}
		// One that is not needed is given back to who waits.
		waited := make(chan error)
		go func() { waited <- h.Keep(&Identity{ARN: "bob"}, false) }()
		time.Sleep(changesWait / 2)
		if err := h.Record(&Call{Kind: Calls, Kept: true, Time: noon, Identity: user("carl")}); err != nil {
			t.Error(err)
		}
		if err := <-waited; err != nil {
			t.Errorf("there was room: %v", err)
		}
		for i := range n {
			if err := h.Record(change(user("ann"), fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		for range n - 1 {
			h.leave(user("carl").ARN)
		}
		h.leave("bob")
		if len(h.changes.onTheirWay) > 0 || h.files[Changes].queue.places != 0 {
			t.Errorf("on their way: %v, %d", h.changes.onTheirWay, h.files[Changes].queue.places)
		}
		if err := h.Keep(new(user("ann")), false); err != nil {
			t.Errorf("all was written: %v", err)
		}
		h.leave(user("ann").ARN)
		h.stop()
		if err := h.Keep(&Identity{ARN: "ann"}, true); !errors.Is(err, errEnded) {
			t.Errorf("after the end: %v", err)
		}
		if c := h.Counts(); c.ChangesOver != 4 || c.FilesLost != 0 {
			t.Errorf("counts %+v", c)
		}
	})
}

// TestADiskThatFails: changes on their way wait for their records, and are in doubt when
// that takes too long; others are refused at once, before they are done, until the disk
// takes records again. That holds of the disk of the other kinds too.
func TestADiskThatFails(t *testing.T) {
	for kind := range Kind(kinds) {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := bubble(t, Config{})
				disk := &tight{}
				for k := range Kind(kinds) {
					if k == kind {
						h.toFiles(k, disk)
					} else {
						h.toFiles(k, &tight{room: 1 << 20})
					}
				}
				if err := h.Keep(&Identity{ARN: "ann"}, false); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				call := change(user("ann"), "doubtful")
				if kind != Changes {
					h.leave("ann")
					call.Kind, call.Kept = kind, false
				}
				err := h.Record(call)
				if took := time.Since(began); kind == Changes && (!errors.Is(err, errFailing) || took != recordWait) || kind != Changes && (err != nil || took != 0) {
					t.Errorf("%v after %s", err, took)
				}
				time.Sleep(2 * filesGather)
				began = time.Now()
				if err := h.Keep(&Identity{ARN: "root"}, true); !errors.Is(err, errFailing) || time.Since(began) != 0 {
					t.Errorf("the disk fails: %v after %s", err, time.Since(began))
				}
				disk.mu.Lock()
				disk.room = 1 << 20
				disk.mu.Unlock()
				time.Sleep(2 * pauseMax)
				if err := h.Keep(&Identity{ARN: "ann"}, false); err != nil {
					t.Errorf("the disk is well again: %v", err)
				}
				if err := h.Record(change(user("ann"), "sure")); err != nil {
					t.Error(err)
				}
				h.stop()
				if !strings.Contains(disk.taken.String(), "doubtful") || h.Counts().FilesLost != 0 {
					t.Errorf("lost: %s, %+v", disk.taken.String(), h.Counts())
				}
			})
		})
	}
}

// TestChangesThatComeTogetherAreSyncedTogether, and each of them before its answer.
func TestChangesThatComeTogetherAreSyncedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{opened: make(chan struct{})}
		h := behind(t, g)
		var all sync.WaitGroup
		answered := make(chan string, 10)
		for i := range 10 {
			if err := h.Keep(&Identity{ARN: "ann"}, false); err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				if err := h.Record(change(user("ann"), fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
				answered <- ""
			})
		}
		synctest.Wait()
		if len(answered) > 0 {
			t.Error("answered before it was written")
		}
		close(g.opened)
		all.Wait()
		h.stop()
	})
}

// TestASyncThatFails: what was not synced is written again, once.
func TestASyncThatFails(t *testing.T) {
	for _, key := range []*Key{nil, testKey} {
		dir := t.TempDir()
		h := &house{t: t, now: noon}
		f, err := openFiles(Files{Dir: dir, Key: key, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 10}, Changes, h.clock, quiet)
		if err != nil {
			t.Fatal(err)
		}
		line := []byte("{\"word\":\"a\"}\n")
		disk := f.file
		from, to, err := os.Pipe() // a pipe takes it, but can't be synced
		if err != nil {
			t.Fatal(err)
		}
		f.file = to
		if n, err := f.write(t.Context(), line); n != 0 || err == nil {
			t.Errorf("took %d, %v", n, err)
		}
		buffer := make([]byte, 4096)
		n, err := from.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		f.file = disk
		if _, err := disk.Write(buffer[:n]); err != nil { // the disk has it, or not
			t.Fatal(err)
		}
		if n, err := f.write(t.Context(), line); n != len(line) || err != nil {
			t.Errorf("took %d, %v", n, err)
		}
		wantRead(t, Reader{Dir: dir, Key: key}, "a")
		if err := errors.Join(f.close(), to.Close(), from.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// fill makes changes until one is refused.
func (h *house) fill(by Identity, root bool) (n int, err error) {
	for {
		if err := h.Keep(&by, root); err != nil {
			return n, err
		}
		call := change(by, fmt.Sprint(by.UserName, n))
		call.Request = Shown(`"` + strings.Repeat("x", 1000) + `"`)
		h.record(call)
		if n++; n > 2_000 { // many times what any test has room for
			h.t.Fatal("nothing ends the changes")
		}
	}
}

// TestPartsAreById: another name makes nobody another principal, nor does another session
// of a role; whoever has a name that somebody had has a part of his own.
func TestPartsAreById(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t, Config{Files: Files{Dir: t.TempDir(), BytesMax: 50 << 10, AgeMax: 24 * time.Hour, Keep: 2, ChangesAge: 10 * 24 * time.Hour, ChangesRoom: 400 << 10}})
		renamed := user("carl")
		renamed.PrincipalID = "AIDACARL"
		if n, err := h.fill(renamed, false); n == 0 {
			t.Errorf("carl may make no changes: %v", err)
		}
		renamed.ARN += "-anew"
		if n, _ := h.fill(renamed, false); n > 0 {
			t.Errorf("carl made %d more under another name", n)
		}
		session := Identity{Type: "AssumedRole", PrincipalID: "AROAR:one", ARN: "arn:aws:sts::123456789012:assumed-role/r/one", Session: Session{Issuer: Issuer{PrincipalID: "AROAR", ARN: "arn:aws:iam::123456789012:role/r"}}}
		if n, err := h.fill(session, false); n == 0 {
			t.Errorf("a role may make no changes: %v", err)
		}
		session.PrincipalID, session.ARN = "AROAR:two", "arn:aws:sts::123456789012:assumed-role/r/two"
		if n, _ := h.fill(session, false); n > 0 {
			t.Errorf("another session of the role made %d more", n)
		}
		successor := user("carl")
		successor.PrincipalID = "AIDAOTHER"
		if n, err := h.fill(successor, false); n == 0 {
			t.Errorf("who has carl's name may make no changes: %v", err)
		}
		h.stop()
	})
}

// TestNewcomersHaveRoom: neither three who fill all that they may on each day until the first
// files go, nor one who comes as twenty, keep a newcomer from making changes.
func TestNewcomersHaveRoom(t *testing.T) {
	for name, c := range map[string]struct{ days, users int }{"for a week": {7, 3}, "at once": {1, 20}} {
		synctest.Test(t, func(t *testing.T) {
			const room = 800 << 10
			h := bubble(t, Config{Files: Files{Dir: t.TempDir(), BytesMax: 50 << 10, AgeMax: 24 * time.Hour, Keep: 2, ChangesAge: 7 * 24 * time.Hour, ChangesRoom: room}})
			made := 0
			for range c.days {
				for i := range c.users {
					n, _ := h.fill(user(fmt.Sprint("user", i)), false)
					made += n
				}
				time.Sleep(principalDay - time.Hour)
			}
			if used := h.changes.files.used.Load(); used < room/2 {
				t.Errorf("%s: %d changes filled %d bytes", name, made, used)
			}
			if n, err := h.fill(user("newcomer"), false); n < 2 {
				t.Errorf("%s: a newcomer made %d changes: %v", name, n, err)
			}
			h.stop()
		})
	}
}

// TestRoomForChanges is filled by users, each up to a part of its own, then up to what is left for
// the root user, then by the root user. It opens again when files are old enough, or
// when the operator takes them elsewhere, and the log says what happens.
func TestRoomForChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		const room = 400 << 10
		h := bubble(t, Config{Files: Files{Dir: dir, BytesMax: 50 << 10, AgeMax: 24 * time.Hour, Keep: 2, ChangesAge: 10 * 24 * time.Hour, ChangesRoom: room}})
		used := func() int64 { return h.changes.files.used.Load() }
		const line = 1500 // more than a record has
		n, err := h.fill(user("ann"), false)
		if own := int64(room / principalPart); err == nil || !strings.Contains(err.Error(), errPartUsed.Error()) || used() < own || used() > own+line {
			t.Errorf("ann made %d changes of %d bytes: %v", n, used(), err)
		}
		if n, err := h.fill(user("bob"), false); n == 0 {
			t.Errorf("bob may make no changes, since ann made many: %v", err)
		}
		time.Sleep(principalDay / 2)
		if again, _ := h.fill(user("ann"), false); again < n/2-2 || again > n/2+2 {
			t.Errorf("after half a day ann made %d changes, want half of %d", again, n)
		}
		for i := 0; ; i++ {
			n, err = h.fill(user(fmt.Sprint("user", i)), false)
			if n == 0 {
				break
			}
		}
		most := int64(room - room/rootPart)
		if !strings.Contains(err.Error(), errRoomUsed.Error()) || used() < most || used() > most+line {
			t.Errorf("users made changes of %d bytes: %v", used(), err)
		}
		if n, err = h.fill(Identity{Type: "Root", ARN: "root"}, true); n == 0 || used() < room || used() > room+line {
			t.Errorf("root made %d changes; %d bytes: %v", n, used(), err)
		}
		if h.Counts().FilesDeleted != 0 || !strings.Contains(h.logged(), "raise --audit-keep") {
			t.Errorf("%+v; %s", h.Counts(), h.logged())
		}

		// The operator takes a file elsewhere.
		files := filesOf(t, dir)
		if err := os.Rename(files[1], files[1]+".away"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		if err := h.Keep(&Identity{ARN: "root"}, true); err != nil {
			t.Errorf("a file is gone: %v", err)
		}
		h.leave("root")
		time.Sleep(10*24*time.Hour - 2*lookEvery)
		if n, _ := h.fill(user("ann"), false); n > 0 || h.Counts().FilesDeleted > 0 {
			t.Errorf("it is not time: %d changes, %+v", n, h.Counts())
		}
		time.Sleep(24 * time.Hour)
		if n, err := h.fill(user("ann"), false); n == 0 || h.Counts().FilesDeleted == 0 {
			t.Errorf("it is time: %v, %+v", err, h.Counts())
		}
		for _, want := range []string{"deleted an old file of the audit trail", "file=audit-changes-", "records_from=", "records_until=", "bytes=", "more than half of their room"} {
			if !strings.Contains(h.logged(), want) {
				t.Errorf("no %q in %s", want, h.logged())
			}
		}
		h.stop()
	})
}

// TestManyPrincipals: so many are told apart, and a day later they are forgotten.
func TestManyPrincipals(t *testing.T) {
	c := changes{files: &files{Files: Files{ChangesRoom: 1 << 20}}}
	for i := range 2 * principalsMax {
		c.charge(fmt.Sprint("user", i), 100, noon)
	}
	if n := len(c.spent); n != principalsMax+1 {
		t.Errorf("%d principals", n)
	}
	if c.has("another", noon, 1<<20) || !c.has("user1", noon, 1<<20) {
		t.Error("those who are not told apart share nothing")
	}
	c.charge("another", 100, noon.Add(2*principalDay))
	if n := len(c.spent); n > 2 {
		t.Errorf("%d principals after a day", n)
	}
}

// TestFilesOfChangesGoByAConfirmedTime: a wall clock that is ahead has none deleted.
func TestFilesOfChangesGoByAConfirmedTime(t *testing.T) {
	dir := t.TempDir()
	h := &house{t: t, now: noon}
	confirmed := noon
	begin := func() *files {
		t.Helper()
		f, err := openFiles(Files{Dir: dir, BytesMax: 20, AgeMax: time.Hour, Keep: 1, ChangesAge: 24 * time.Hour, Confirmed: func() time.Time { return confirmed }}, Changes, h.clock, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := begin()
	wants := func(n int) {
		t.Helper()
		if got := len(filesOf(t, dir)); got != n {
			t.Errorf("%d files, want %d", got, n)
		}
	}
	write := func() {
		t.Helper()
		if _, err := f.write(t.Context(), line(15)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	wants(2)
	h.advance(40 * 24 * time.Hour)
	write()
	wants(3)
	h.advance(-40 * 24 * time.Hour)
	confirmed = noon.Add(25 * time.Hour)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	f = begin() // no clock goes yet
	wants(3)
	write()
	wants(3) // one is gone; of the next, later ones seem to be of a time that has not come
	confirmed = noon.Add(66 * 24 * time.Hour)
	write()
	wants(1)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
}
