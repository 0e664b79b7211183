package throttle

import (
	"fmt"
	"strconv"
	"strings"
)

// rateMax bounds both numbers of a rate.
const rateMax = 1_000_000

// Setting is a rate that an operator has set. A setting such as StartTimer=2000/200 is
// a burst of 2,000 and 200 a second; StartTimer=none lifts the limit.
type Setting struct {
	Name string
	Rate Rate
	None bool
}

// ParseSetting reads a setting.
func ParseSetting(text string) (Setting, error) {
	name, value, _ := strings.Cut(text, "=")
	if value == "none" {
		return Setting{Name: name, None: true}, nil
	}
	bucket, perSecond, _ := strings.Cut(value, "/")
	b, errBucket := strconv.Atoi(bucket)
	p, errPerSecond := strconv.Atoi(perSecond)
	if errBucket != nil || errPerSecond != nil || b < 1 || p < 1 || b > rateMax || p > rateMax {
		return Setting{}, fmt.Errorf("rate %q: want ACTION=BURST/PERSECOND, each from 1 to %d, or ACTION=none", text, rateMax)
	}
	return Setting{Name: name, Rate: Rate{b, p}}, nil
}

// Set changes a rate.
func (r Rates) Set(s Setting) {
	if s.None {
		delete(r, s.Name)
		return
	}
	r[s.Name] = s.Rate
}
