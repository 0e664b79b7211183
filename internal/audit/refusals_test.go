package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// refusedRecord is what the tests look at in records of refusals.
type refusedRecord struct {
	EventName, SourceIPAddress, ErrorCode string
	UserIdentity                          struct{ ARN string }
	ServiceEventDetails                   struct {
		Calls                                                    int64
		CallersAre, ARN, SourceIPAddress, EventSource, EventName string
		ErrorCode                                                string
		FirstTime, LastTime                                      time.Time
	}
}

func refusedIn(t *testing.T, lines []string) (whole, counted []refusedRecord) {
	t.Helper()
	for _, line := range lines {
		var r refusedRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.EventName == "CallsRefused" {
			counted = append(counted, r)
		} else {
			whole = append(whole, r)
		}
	}
	return whole, counted
}

// TestRefusalsAreCounted: the first of a sort are whole, the others are counted, and the
// end of the window, or of the trail, tells how many there were.
func TestRefusalsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := bubble(t, Config{Files: Files{Dir: dir, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 10}})
		began := time.Now()
		refuse := func(by Identity, from, action string, times int) {
			for range times {
				h.record(&Call{Kind: Refused, Time: time.Now(), Service: "swf", Action: action, Identity: by, SourceIP: from, ErrorCode: "AccessDenied"})
			}
		}
		refuse(user("ann"), "10.0.0.1", "Poke", 100)
		time.Sleep(refusedWindow / 2)
		refuse(user("ann"), "10.0.0.2", "Poke", 100) // from wherever she asks
		refuse(user("ann"), "10.0.0.1", "Push", 3)
		refuse(Identity{}, "10.0.0.1", "Poke", 20)
		refuse(Identity{}, "2001:db8:1:2::1", "Poke", 20)
		refuse(Identity{}, "2001:db8:1:2::2", "Poke", 20) // of one network
		role := Identity{Session: Session{Issuer: Issuer{ARN: "role"}}}
		for i := range 20 { // whatever its sessions are called
			role.ARN = fmt.Sprint("session", i)
			refuse(role, "10.0.0.1", "Poke", 1)
		}
		time.Sleep(refusedWindow/2 + 2*filesGather)
		whole, counted := refusedIn(t, linesOf(t, Reader{Dir: dir}))
		if len(whole) != 5*sortWhole-7 {
			t.Errorf("%d whole records", len(whole))
		}
		var got []string
		for _, r := range counted {
			d := r.ServiceEventDetails
			if d.EventSource != "swf.amazonaws.com" || d.EventName != "Poke" || d.ErrorCode != "AccessDenied" {
				t.Errorf("%+v", r)
			}
			got = append(got, fmt.Sprintf("%d %s %s%s %s to %s", d.Calls, d.CallersAre, d.ARN, d.SourceIPAddress, d.FirstTime.Sub(began), d.LastTime.Sub(began)))
		}
		slices.Sort(got)
		want := []string{
			"10 known role 30s to 30s",
			"10 unknown 10.0.0.1 30s to 30s",
			"190 known " + user("ann").ARN + " 0s to 30s",
			"30 unknown 2001:db8:1:2::/64 30s to 30s",
		}
		if !slices.Equal(got, want) {
			t.Errorf("counted %q, want %q", got, want)
		}

		refuse(user("ann"), "10.0.0.1", "Poke", 15) // another window
		h.stop()
		whole, counted = refusedIn(t, linesOf(t, Reader{Dir: dir}))
		if len(whole) != 6*sortWhole-7 || len(counted) != 5 || counted[4].ServiceEventDetails.Calls != 5 {
			t.Errorf("%d whole records, %d counts", len(whole), len(counted))
		}
		if c := h.Counts(); c.Merged != 245 || c.Recorded != 298 {
			t.Errorf("counts %+v", c)
		}
	})
}

// TestFloodsOfRefusalsAreBounded, in bytes and in memory, whoever floods; none that was
// refused is missing in the counts, and strangers take nothing from those who are known.
func TestFloodsOfRefusalsAreBounded(t *testing.T) {
	for name, from := range map[string]func(i int, c *Call){
		"one stranger": func(i int, c *Call) { c.SourceIP = "10.0.0.1" },
		"many strangers": func(i int, c *Call) {
			c.SourceIP = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()
		},
		"many networks": func(i int, c *Call) {
			c.SourceIP = netip.AddrFrom16([16]byte{0x20, 1, 3: byte(i >> 16), 4: byte(i >> 8), 5: byte(i), 15: 1}).String()
		},
		"one user":   func(i int, c *Call) { c.Identity = user("ann") },
		"many users": func(i int, c *Call) { c.Identity = user(fmt.Sprint("user", i)) },
		"many users of long names, of each many sorts": func(i int, c *Call) { c.Identity = user(strings.Repeat("p", 600) + fmt.Sprint("user", i/30)) },
		"sessions": func(i int, c *Call) {
			c.Identity = Identity{ARN: fmt.Sprint("session", i), Session: Session{Issuer: Issuer{ARN: "role"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				h := bubble(t, Config{Files: Files{Dir: dir, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 10}})
				random := rand.New(rand.NewPCG(1, 2))
				wide := Shown(`"` + strings.Repeat("x", 60<<10) + `"`)
				const calls, windows = 20_000, 2
				for range windows {
					for i := range calls {
						c := &Call{
							Kind: Refused, Time: time.Now(), Service: "swf", Action: fmt.Sprint("Do", random.IntN(150)), ErrorCode: fmt.Sprint("Error", random.IntN(3)),
							UserAgent: strings.Repeat("a", 500), Request: wide,
						}
						from(i, c)
						h.record(c)
					}
					// Whoever is of the other crowd is recorded whole.
					quiet := &Call{Kind: Refused, Time: time.Now(), Service: "swf", Action: "Quiet", ErrorCode: "AccessDenied", Identity: user("quiet")}
					if strings.Contains(name, "user") || name == "sessions" {
						quiet.Identity, quiet.SourceIP = Identity{}, "192.0.2.1"
					}
					h.record(quiet)
					h.refusals.mu.Lock()
					if n := h.refusals.crowds[0].sorts + h.refusals.crowds[1].sorts; n > crowdSorts+1 {
						t.Errorf("%d sorts are told apart", n)
					}
					if n := max(len(h.refusals.crowds[0].from), len(h.refusals.crowds[1].from)); n > crowdSorts {
						t.Errorf("%d callers are told apart", n)
					}
					h.refusals.mu.Unlock()
					time.Sleep(2 * refusedWindow)
				}
				h.stop()
				lines := linesOf(t, Reader{Dir: dir})
				whole, counted := refusedIn(t, lines)
				sum, quietOnes := int64(len(whole)), 0
				for _, r := range counted {
					sum += r.ServiceEventDetails.Calls
				}
				for _, line := range lines {
					if strings.Contains(line, `"eventName":"Quiet"`) {
						quietOnes++
					}
				}
				if sum != windows*(calls+1) || quietOnes != windows {
					t.Errorf("%d refusals are in the trail, %d of another; want %d and %d", sum, quietOnes, windows*(calls+1), windows)
				}
				bytes := len(strings.Join(lines, ""))
				if most := windows << 20; bytes > most { // so much of each crowd
					t.Errorf("%d bytes, want %d at most", bytes, most)
				}
				t.Logf("%d refusals are %d whole records and %d counts, of %d bytes", sum, len(whole), len(counted), bytes)
			})
		})
	}
}

func TestGoldenCallsRefused(t *testing.T) {
	h := newHouse(t, Config{})
	defer h.stop()
	s := &refusedSort{merged: 7, first: noon, last: noon.Add(time.Minute)}
	compare(t, "calls-refused", h.appendRefused(nil, false, user("ann").ARN, refusal{"swf", "RegisterDomain", "OperationNotPermittedFault"}, s))
	compare(t, "strangers-refused", h.appendRefused(nil, true, "", refusal{}, s))
}

// TestTrailsOfBeforeTheKinds are read with the others, in the order of time, kept as long as
// changes, and written anew under another key.
func TestTrailsOfBeforeTheKinds(t *testing.T) {
	for _, key := range []*Key{nil, testKey} {
		dir := t.TempDir()
		write := func(kind Kind, at time.Duration, word string) {
			t.Helper()
			f := &files{Files: Files{Dir: dir, Key: key}, kind: kind}
			if err := f.open(fileName{kind, noon.Add(at), key != nil, ""}, os.O_RDWR|os.O_CREATE|os.O_APPEND); err != nil {
				t.Fatal(err)
			}
			line := fmt.Appendf(nil, "{\"eventTime\":%q,\"word\":%q}\n", noon.Add(at).Format(time.RFC3339), word)
			if err := f.add(f.pack(line)); err != nil {
				t.Fatal(err)
			}
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
		}
		write(unsorted, 0, "a")
		write(unsorted, 2*time.Hour, "c")
		write(Calls, time.Hour, "b")
		write(Refused, 3*time.Hour, "d")
		write(Changes, 4*time.Hour, "e")
		wantRead(t, Reader{Dir: dir, Key: key}, "a b c d e")
		to := filepath.Join(t.TempDir(), "new")
		if err := (&Reader{Dir: dir, Key: key}).Rewrite(t.Context(), to, &Key{9}); err != nil {
			t.Fatal(err)
		}
		wantRead(t, Reader{Dir: to, Key: &Key{9}}, "a b c d e")

		// A file of any kind but the newest of its kind may not end in the middle of a line.
		for _, kind := range []Kind{unsorted, Calls, Changes, Refused} {
			write(kind, 5*time.Hour, "late"+kind.String())
		}
		for _, name := range filesOf(t, dir) {
			whole, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, append(whole, "half"...), 0o600); err != nil {
				t.Fatal(err)
			}
			n, _ := parseName(filepath.Base(name))
			if _, wrong := read(t, Reader{Dir: dir, Key: key}); len(wrong) > 0 != n.began.Before(noon.Add(5*time.Hour)) {
				t.Errorf("%s is cut off: wrong is %q", name, wrong)
			}
			if err := os.WriteFile(name, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		}

		h := &house{t: t, now: noon.Add(5*time.Hour + 10*time.Hour)}
		opened := func(kind Kind, want ...string) {
			t.Helper()
			f, err := openFiles(Files{Dir: dir, Key: key, BytesMax: 1 << 30, AgeMax: time.Hour, Keep: 1, ChangesAge: 12 * time.Hour, Confirmed: h.clock}, kind, h.clock, quiet)
			if err == nil {
				err = f.tidy()
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
			words, wrong := read(t, Reader{Dir: dir, Key: key})
			if got := strings.Fields(words); len(wrong) > 0 || !slices.Equal(got, want) {
				t.Errorf("opened %s: read %q, %q, want %q", kind, got, wrong, want)
			}
		}
		opened(Calls, "a", "c", "d", "e", "late", "latechanges", "laterefused", "latecalls")
		opened(Changes, "c", "d", "e", "late", "latechanges", "laterefused", "latecalls") // a is 13 hours old
		h.advance(24 * time.Hour)
		opened(Changes, "d", "late", "latechanges", "laterefused", "latecalls") // though it is not the last, it is written
		opened(Refused, "late", "latechanges", "laterefused", "latecalls")
	}
}

// TestKindsAreMerged: records of all kinds come in the order of their times, as far as each kind has
// them in that order, also while it is followed.
func TestKindsAreMerged(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 5))
	for range 8 {
		dir := t.TempDir()
		h := &house{t: t, now: noon}
		var all [kinds]*files
		for kind := range Kind(kinds) {
			f, err := openFiles(Files{Dir: dir, Key: testKey, BytesMax: 2000, AgeMax: time.Hour, Keep: 1000, ChangesAge: time.Hour}, kind, h.clock, quiet)
			if err != nil {
				t.Fatal(err)
			}
			all[kind] = f
		}
		n := 0
		write := func(records int) {
			var lines [kinds][]byte
			for range records {
				kind := random.IntN(kinds)
				h.advance(time.Second)
				lines[kind] = fmt.Appendf(lines[kind], "{\"eventTime\":%q,\"word\":\"w%d\"}\n", h.now.Format(time.RFC3339), n)
				n++
				if random.IntN(4) == 0 && len(lines[kind]) > 0 {
					if _, err := all[kind].write(t.Context(), lines[kind]); err != nil {
						t.Fatal(err)
					}
					lines[kind] = nil
				}
			}
			for kind, rest := range lines {
				if len(rest) == 0 {
					continue
				}
				if _, err := all[kind].write(t.Context(), rest); err != nil {
					t.Fatal(err)
				}
			}
		}
		write(random.IntN(100))
		rounds := 3
		r := Reader{Dir: dir, Key: testKey}
		var out strings.Builder
		r.Wrong = func(err error) { t.Error(err) }
		r.Wait = func(context.Context) bool { rounds--; write(random.IntN(50)); return rounds > 0 }
		if err := r.Read(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		rounds = n
		for i, found := range wordIn.FindAllStringSubmatch(out.String(), -1) {
			if found[1] != fmt.Sprint("w", i) {
				t.Fatalf("word %d is %s", i, found[1])
			}
			rounds--
		}
		if rounds > 50 { // what was written last was not waited for
			t.Errorf("%d of %d are missing", rounds, n)
		}
		for _, f := range all {
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, text := range []string{
		"audit-20260301T120000.000Z.jsonl", "audit-20260301T120000.000Z.sealed", "audit-calls-20260301T120000.000Z.sealed",
		"audit-changes-20260301T120000.000Z.jsonl", "audit-refused-20260301T120000.123Z.sealed",
	} {
		if n, ok := parseName(text); !ok || n.String() != text {
			t.Errorf("%s is %+v, %v", text, n, ok)
		}
	}
	for _, text := range []string{
		"audit--20260301T120000.000Z.jsonl", "audit-calls-calls-20260301T120000.000Z.sealed", "audit-others-20260301T120000.000Z.sealed",
		"calls-20260301T120000.000Z.sealed", "20260301T120000.000Z.sealed", "audit-calls-.sealed", "audit-calls-20260301T120000.000Z",
	} {
		if n, ok := parseName(text); ok {
			t.Errorf("%s is %+v", text, n)
		}
	}
}
