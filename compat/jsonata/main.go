// Command jsonata compares package jsonata with jsonata-js: how fast the two evaluate the
// recorded cases of jsonata-js's own test suite, in one run on one machine. Its tests
// compare what they answer.
//
//	npm install && HEDDLE_RECORDINGS=FOLDER go run . [-millis N]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"heddle/jsonata"
	"heddle/jsonvalue"
)

// timing is what an evaluation of a group's cases takes on average.
type timing struct {
	Cases  int     `json:"cases"`
	Nanos  float64 `json:"nanos"`
	allocs float64
	bytes  float64
}

func main() {
	millis := flag.Int("millis", 300, "milliseconds of CPU that each group is evaluated for, after as many to warm up")
	flag.Parse()
	if err := compare(*millis); err != nil {
		fmt.Fprintln(os.Stderr, "comparing with jsonata-js:", err)
		os.Exit(1)
	}
}

func compare(millis int) error {
	folder := filepath.Join(os.Getenv("HEDDLE_RECORDINGS"), "jsonata")
	if _, err := os.Stat(folder); err != nil {
		return fmt.Errorf("HEDDLE_RECORDINGS must name the folder of the recordings: %w", err)
	}
	node := exec.Command("node", "suite.js", folder, strconv.Itoa(millis))
	node.Stderr = os.Stderr
	text, err := node.Output()
	if err != nil {
		return fmt.Errorf("running suite.js under Node (npm install first): %w", err)
	}
	var theirs map[string]timing
	if err := json.Unmarshal(text, &theirs); err != nil {
		return err
	}
	names := make([]string, 0, len(theirs))
	for name := range theirs {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Printf("%-28s %6s %14s %14s %8s %10s %10s\n", "group", "cases", "jsonata-js ns", "heddle ns", "ratio", "allocs", "bytes")
	var js, ours, allocs, bytes, logs float64
	cases := 0
	least := math.Inf(1)
	for _, name := range names {
		them := theirs[name]
		us, err := measure(filepath.Join(folder, name+".json"), folder, millis)
		if err != nil {
			return err
		}
		if us.Cases != them.Cases {
			fmt.Printf("%s: %d cases succeed here, %d there\n", name, us.Cases, them.Cases)
		}
		ratio := them.Nanos / us.Nanos
		least = min(least, ratio)
		fmt.Printf("%-28s %6d %14.0f %14.0f %7.1fx %10.1f %10.0f\n", name, us.Cases, them.Nanos, us.Nanos, ratio, us.allocs, us.bytes)
		n := float64(us.Cases)
		cases += us.Cases
		js, ours, allocs, bytes = js+them.Nanos*n, ours+us.Nanos*n, allocs+us.allocs*n, bytes+us.bytes*n
		logs += math.Log(ratio) * n
	}
	n := float64(cases)
	fmt.Printf("%-28s %6d %14.0f %14.0f %7.1fx %10.1f %10.0f\n", "all", cases, js/n, ours/n, js/ours, allocs/n, bytes/n)
	fmt.Printf("geometric mean of all cases' groups %.1fx, the slowest group %.1fx\n", math.Exp(logs/n), least)
	return nil
}

func measure(file, folder string, millis int) (timing, error) {
	read := func(path string) (any, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return jsonvalue.Parse(text)
	}
	list, err := read(file)
	if err != nil {
		return timing{}, err
	}
	type prepared struct {
		x     *jsonata.Expression
		input any
		o     *jsonata.Options
	}
	var cases []prepared
	ctx := context.Background()
	for _, v := range list.([]any) {
		c := v.(*jsonvalue.Object)
		if _, big := c.Get("timelimit"); big {
			continue
		}
		expr, _ := c.Get("expr")
		input, given := c.Get("data")
		if !given {
			input = jsonata.Undefined
		}
		if set, _ := c.Get("dataset"); set != nil {
			if input, err = read(filepath.Join(folder, "datasets", set.(string)+".json")); err != nil {
				return timing{}, err
			}
		}
		o := &jsonata.Options{Now: time.Now(), Random: rand.Float64}
		if b, _ := c.Get("bindings"); b != nil {
			o.Bindings = map[string]any{}
			for name, v := range b.(*jsonvalue.Object).All() {
				o.Bindings[name] = v
			}
		}
		source, _ := expr.(string)
		x, err := jsonata.Compile(strings.Clone(source))
		if err != nil {
			continue
		}
		if _, err := x.Evaluate(ctx, input, o); err != nil {
			continue
		}
		cases = append(cases, prepared{x, input, o})
	}
	round := func() {
		for _, c := range cases {
			_, _ = c.x.Evaluate(ctx, c.input, c.o)
		}
	}
	spend := func() (took time.Duration, rounds int) {
		from := cpu()
		for took < time.Duration(millis)*time.Millisecond {
			round()
			rounds++
			took = cpu() - from
		}
		return took, rounds
	}
	spend() // to warm up
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, rounds := spend()
	runtime.ReadMemStats(&after)
	n := float64(rounds * len(cases))
	return timing{
		len(cases), float64(took.Nanoseconds()) / n,
		float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n,
	}, nil
}

// cpu is the CPU time of this process, which other processes do not lengthen.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
