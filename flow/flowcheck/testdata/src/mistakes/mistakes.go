// Package mistakes is the table of what flowcheck must find: a function each. // want package:`activity "A" version "1", workflow "W" version "1"`
package mistakes

import (
	"context"
	crand "crypto/rand"
	"database/sql"
	"fmt"
	"hash/maphash"
	"log"
	"log/slog"
	"maps"
	oldrand "math/rand"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heddle/flow"
	"helper"
	"other"
)

var A = flow.Activity[string, string]{Name: "A", Version: "1"}

var W = flow.Workflow[string, string]{Name: "W", Version: "1"}

var (
	counter int                // want counter:"changed by mistakes.count"
	cache   = map[string]int{} // want cache:"changed by mistakes.remember"
	hits    atomic.Int64       // want hits:"changed by mistakes.hit"
	m       = map[string]int{}
	ch      chan int
	in      time.Time
)

func count() { counter++ } // want count:"goes by a variable"

func remember() { cache["x"] = 1 } // want remember:"goes by a variable"

func hit() { hits.Add(1) } // want hit:"goes by a variable"

func stamped() time.Time { return time.Now() } // want stamped:"reads the clock"

func byDice(a, b int) int { return rand.IntN(3) - 1 } // want byDice:"throws dice"

type shared struct{ n int }

func (s *shared) run(ctx flow.Context, in string) (string, error) {
	s.n++ // want `changes its receiver, which all runs share: s`
	return in, nil
}

func bind() []flow.Implementation {
	calls := 0
	s := &shared{}
	return []flow.Implementation{
		W.By(s.run),
		W.By(func(ctx flow.Context, in string) (string, error) {
			calls++        // want `changes a variable from outside, which all runs share: calls`
			_ = time.Now() // want `reads the clock: time.Now`
			return in, nil
		}),
	}
}

func clock(ctx flow.Context) {
	_ = time.Now() // want `reads the clock: time\.Now; use flow\.Now`
}

func since(ctx flow.Context) {
	_ = time.Since(in) // want `reads the clock: time\.Since; use flow\.Now`
}

func until(ctx flow.Context) {
	_ = time.Until(in) // want `reads the clock: time\.Until`
}

func clockAsValue(ctx flow.Context) {
	now := time.Now // want `reads the clock: time\.Now`
	_ = now
}

func deadline(ctx flow.Context) {
	c, stop := context.WithTimeout(context.Background(), time.Second) // want `reads the clock: context\.WithTimeout`
	stop()
	_ = c
}

func sleep(ctx flow.Context) {
	time.Sleep(time.Second) // want `waits by the machine's clock: time\.Sleep; use flow\.Sleep or flow\.After`
}

func timeAfter(ctx flow.Context) {
	_ = time.After(time.Second) // want `waits by the machine's clock: time\.After`
}

func afterFunc(ctx flow.Context) {
	time.AfterFunc(time.Second, func() {}) // want `waits by the machine's clock: time\.AfterFunc`
}

func timer(ctx flow.Context) {
	_ = time.NewTimer(time.Second) // want `waits by the machine's clock: time\.NewTimer`
}

func ticker(ctx flow.Context) {
	_ = time.NewTicker(time.Second) // want `waits by the machine's clock: time\.NewTicker`
}

func tick(ctx flow.Context) {
	_ = time.Tick(time.Second) // want `waits by the machine's clock: time\.Tick`
}

func zone(ctx flow.Context) {
	_ = in.Local() // want `goes by the machine's time zone: time\.Time\.Local; use UTC`
}

func localZone(ctx flow.Context) {
	_ = in.In(time.Local) // want `goes by the machine's time zone: time\.Local`
}

func loadedZone(ctx flow.Context) {
	_, _ = time.LoadLocation("CET") // want `goes by the machine's time zone: time\.LoadLocation`
}

func dice(ctx flow.Context) {
	_ = rand.IntN(6) // want `throws dice: rand\.IntN; use flow\.Rand, or flow\.UUID`
}

func shuffle(ctx flow.Context) {
	rand.Shuffle(3, func(i, j int) {}) // want `throws dice: rand\.Shuffle`
}

func perm(ctx flow.Context) {
	_ = rand.Perm(3) // want `throws dice: rand\.Perm`
}

func genericDice(ctx flow.Context) {
	_ = rand.N(time.Second) // want `throws dice: rand\.N`
}

func oldDice(ctx flow.Context) {
	_ = oldrand.Intn(6) // want `throws dice: rand\.Intn`
}

func secret(ctx flow.Context) {
	_ = crand.Text() // want `throws dice: rand\.Text`
}

func secretReader(ctx flow.Context) {
	_, _ = crand.Reader.Read(nil) // want `throws dice: rand\.Reader`
}

func hashSeed(ctx flow.Context) {
	_ = maphash.MakeSeed() // want `throws dice: maphash\.MakeSeed`
}

func environment(ctx flow.Context) {
	_ = os.Getenv("X") // want `asks the machine: os\.Getenv; give it in the input, read it by flow\.Effect`
}

func lookup(ctx flow.Context) {
	_, _ = os.LookupEnv("X") // want `asks the machine: os\.LookupEnv`
}

func file(ctx flow.Context) {
	_, _ = os.ReadFile("x") // want `asks the machine: os\.ReadFile`
}

func created(ctx flow.Context) {
	_, _ = os.Create("x") // want `asks the machine: os\.Create`
}

func arguments(ctx flow.Context) {
	_ = os.Args // want `asks the machine: os\.Args`
}

func host(ctx flow.Context) {
	_, _ = os.Hostname() // want `asks the machine: os\.Hostname`
}

func process(ctx flow.Context) {
	_ = os.Getpid() // want `asks the machine: os\.Getpid`
}

func stdin(ctx flow.Context) {
	_, _ = os.Stdin.Read(nil) // want `asks the machine: os\.Stdin`
}

func exit(ctx flow.Context) {
	os.Exit(1) // want `asks the machine: os\.Exit`
}

func who(ctx flow.Context) {
	_, _ = user.Current() // want `asks the machine: user\.Current`
}

func processors(ctx flow.Context) {
	_ = runtime.NumCPU() // want `asks the machine: runtime\.NumCPU`
}

func goroutines(ctx flow.Context) {
	_ = runtime.NumGoroutine() // want `asks the machine: runtime\.NumGoroutine`
}

func command(ctx flow.Context) {
	_ = exec.Command("ls").Run() // want `does I/O: exec\.Command; do it in an activity`
}

func get(ctx flow.Context) {
	_, _ = http.Get("http://localhost") // want `does I/O: http\.Get`
}

func client(ctx flow.Context) {
	_, _ = http.DefaultClient.Do(nil) // want `does I/O: http\.DefaultClient`
}

func dial(ctx flow.Context) {
	_, _ = net.Dial("tcp", "localhost:1") // want `does I/O: net\.Dial`
}

func resolve(ctx flow.Context) {
	_, _ = net.LookupHost("localhost") // want `does I/O: net\.LookupHost`
}

func database(ctx flow.Context) {
	_, _ = sql.Open("x", "y") // want `does I/O: sql\.Open`
}

func files(ctx flow.Context) {
	_, _ = filepath.Glob("*") // want `does I/O: filepath\.Glob`
}

func signals(ctx flow.Context) {
	signal.Ignore() // want `does I/O: signal\.Ignore`
}

func print(ctx flow.Context) {
	fmt.Println("x") // want `prints in every replay: fmt\.Println; use flow\.Log`
}

func printf(ctx flow.Context) {
	fmt.Printf("x") // want `prints in every replay: fmt\.Printf`
}

func logged(ctx flow.Context) {
	log.Print("x") // want `prints in every replay: log\.Print`
}

func structured(ctx flow.Context) {
	slog.Info("x") // want `prints in every replay: slog\.Info`
}

func goroutine(ctx flow.Context) {
	go func() {}() // want `starts a goroutine: go; use flow\.Go`
}

func waitGroup(ctx flow.Context) {
	var g sync.WaitGroup
	g.Wait() // want `waits for other goroutines: sync\.WaitGroup\.Wait; use flow\.Await`
}

func groupGo(ctx flow.Context) {
	var g sync.WaitGroup
	g.Go(func() {}) // want `starts a goroutine: sync\.WaitGroup\.Go`
}

func contextFunc(ctx flow.Context) {
	context.AfterFunc(nil, nil) // want `starts a goroutine: context\.AfterFunc`
}

func made(ctx flow.Context) {
	_ = make(chan int) // want `uses a channel: make`
}

func closed(ctx flow.Context) {
	close(ch) // want `uses a channel: close`
}

func sent(ctx flow.Context) {
	ch <- 1 // want `uses a channel: send; use futures, flow\.First and flow\.Await`
}

func received(ctx flow.Context) {
	<-ch // want `uses a channel: receive`
}

func selected(ctx flow.Context) {
	select { // want `uses a channel: select`
	case <-ch:
	default:
	}
}

func drained(ctx flow.Context) {
	for range ch { // want `uses a channel: range`
	}
}

func calls(ctx flow.Context) {
	for k := range m { // want `goes by the order of a map: range; range over slices\.Sorted`
		_, _ = A.Call(ctx, k)
	}
}

func collects(ctx flow.Context) {
	var l []string
	for k := range m { // want `goes by the order of a map: range`
		l = append(l, k)
	}
	_ = l
}

func joins(ctx flow.Context) {
	s := ""
	for k := range m { // want `goes by the order of a map: range`
		s += k
	}
	_ = s
}

func floats(ctx flow.Context) {
	f := 0.0
	for _, n := range m { // want `goes by the order of a map: range`
		f += float64(n)
	}
	_ = f
}

func lastWins(ctx flow.Context) {
	s := ""
	for k := range m { // want `goes by the order of a map: range`
		s = k
	}
	_ = s
}

func takesOne(ctx flow.Context) string {
	for k := range m { // want `goes by the order of a map: range`
		return k
	}
	_ = 0
	return ``
}

func waits(ctx flow.Context) {
	for range m { // want `goes by the order of a map: range`
		_ = flow.Sleep(ctx, 1)
	}
}

func starts(ctx flow.Context) {
	for k := range m { // want `goes by the order of a map: range`
		flow.Go(ctx, func(ctx flow.Context) (string, error) { return A.Call(ctx, k) })
	}
}

func overwrites(ctx flow.Context) {
	n := map[int]string{}
	for k, v := range m { // want `goes by the order of a map: range`
		n[v] = k
	}
}

func keys(ctx flow.Context) {
	for k := range maps.Keys(m) { // want `goes by the order of a map: maps\.Keys`
		_, _ = A.Call(ctx, k)
	}
}

func values(ctx flow.Context) {
	_ = slices.Collect(maps.Values(m)) // want `goes by the order of a map: maps\.Values`
}

func all(ctx flow.Context) {
	for k := range maps.All(m) { // want `goes by the order of a map: maps\.All`
		_, _ = A.Call(ctx, k)
	}
}

func reflected(ctx flow.Context) {
	_ = reflect.ValueOf(m).MapKeys() // want `goes by the order of a map: reflect\.Value\.MapKeys`
}

func syncMap(ctx flow.Context) {
	var s sync.Map
	s.Range(nil) // want `goes by the order of a map: sync\.Map\.Range`
}

func counted(ctx flow.Context) {
	_ = counter // want `goes by a variable that others change: mistakes\.counter → mistakes\.count; give it in the input`
}

func counts(ctx flow.Context) {
	counter++ // want `goes by a variable that others change: mistakes\.counter`
}

func cached(ctx flow.Context) {
	_ = cache["x"] // want `goes by a variable that others change: mistakes\.cache → mistakes\.remember`
}

func atomically(ctx flow.Context) {
	_ = hits.Load() // want `goes by a variable that others change: mistakes\.hits → mistakes\.hit`
}

func limited(ctx flow.Context) {
	_ = other.Limit // want `goes by a variable that others change: other\.Limit → other\.SetLimit`
}

func near(ctx flow.Context) {
	_ = stamped() // want `reads the clock: mistakes\.stamped → time\.Now`
}

func far(ctx flow.Context) {
	_ = helper.ID(``) // want `reads the clock: helper\.ID → other\.Stamp → other\.stamp → time\.Now; use flow\.Now`
}

func method(ctx flow.Context) {
	_ = other.Clock{}.Read() // want `reads the clock: other\.Clock\.Read → time\.Now`
}

func methodValue(ctx flow.Context) {
	f := other.Clock{}.Read // want `reads the clock: other\.Clock\.Read → time\.Now`
	_ = f
}

func given(ctx flow.Context) {
	_ = slices.MinFunc([]int{1, 2}, byDice) // want `throws dice: mistakes\.byDice → rand\.IntN`
}

func inLiteral(ctx flow.Context) {
	f := func() time.Time { return time.Now() } // want `reads the clock: time\.Now`
	_ = f
}

func inCoroutine(ctx flow.Context) {
	flow.Go(ctx, func(ctx flow.Context) (int, error) { return rand.IntN(6), nil }) // want `throws dice: rand\.IntN`
}

func deferred(ctx flow.Context) {
	defer fmt.Println("x") // want `prints in every replay: fmt\.Println`
}

func asArgument(ctx flow.Context) {
	_, _ = A.Call(ctx, time.Now().String()) // want `reads the clock: time\.Now`
}

func inEffect(ctx flow.Context) {
	flow.Effect(ctx, func() int { _, _ = A.Call(ctx, ``); return 1 }) // want `gives its flow\.Context to something inside an effect: flow\.Activity\.Call`
}

func badExcuse(ctx flow.Context) {
	_ = time.Now() //flow:okay // want `reads the clock`
}

func twoOfTwoKinds(ctx flow.Context) {
	_ = time.Now().Add(time.Duration(rand.IntN(6))) // want `reads the clock: time\.Now` `throws dice: rand\.IntN`
}

func twoOfOneKind(ctx flow.Context) {
	_ = helper.ID("a") + other.Stamp() // want `reads the clock: helper\.ID → other\.Stamp` `reads the clock: other\.Stamp → other\.stamp`
}
