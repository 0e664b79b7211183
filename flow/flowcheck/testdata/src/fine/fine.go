// Package fine is what flowcheck must not find. // want package:`activity "FineA" version "1"`
package fine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"heddle/flow"
	"other"
)

var A = flow.Activity[string, string]{Name: "FineA", Version: "1"}

var limits = map[string]int{"a": 1}

func init() { limits["b"] = 2 }

type saga struct{ steps []string }

// step is no workflow that runs share: each run makes its saga.
func (s *saga) step(ctx flow.Context, name string) { s.steps = append(s.steps, name) }

func code(ctx flow.Context, m map[string]int) (string, error) {
	(&saga{}).step(ctx, "a")
	_ = fmt.Sprintf("%v %d", flow.Now(ctx).UTC(), flow.Rand(ctx).IntN(6))
	_ = rand.New(rand.NewPCG(1, 2)).IntN(3)
	_ = limits["a"] + other.Fixed
	_ = other.Even(3)
	_ = other.Excused()
	_ = errors.Is(ctx.Err(), os.ErrNotExist)
	host := flow.Effect(ctx, func() string { h, _ := os.Hostname(); return h + time.Now().String() })
	_ = time.Now() //flow:ok for a log alone
	//flow:ok it is alone on its line
	_ = time.Now()

	sum, most, best, any := 0, 0, 0, false
	var keys, names []string
	other := map[string]int{}
	for k, v := range m {
		sum += v
		most = max(most, v)
		if v > best {
			best = v
		}
		if strings.HasPrefix(k, "x") {
			any = true
			continue
		}
		upper := strings.ToUpper(k)
		keys = append(keys, upper)
		other[k] = v
		delete(m, k)
	}
	slices.Sort(keys)
	for k := range maps.Keys(m) {
		names = append(names, k)
	}
	sort.Sort(sort.StringSlice(names))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if _, err := A.Call(ctx, k); err != nil {
			return host, err
		}
	}
	for _, v := range m {
		if v == 3 {
			return "three", nil
		}
	}
	_, _, _, _ = sum, most, best, any
	return "", nil
}

// activity may do what it likes.
func activity(ctx context.Context, in string) (string, error) { // want activity:"asks the machine"
	return os.Getenv("X"), nil
}
