package policy

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is what a condition does with one value of a request.
type operator struct {
	kind     kind
	order    order
	wild     bool // * and ? are wildcards
	fold     bool // case does not matter
	opposite bool // holds if no value of the policy fits
}

type kind uint8

const (
	text kind = iota
	number
	date
	boolean
	binary
	address
	resource
	null
)

// order is how a number or date of the request stands to the policy's.
type order uint8

const (
	equal order = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

func (o order) holds(compared int) bool {
	switch o {
	case less:
		return compared < 0
	case lessOrEqual:
		return compared <= 0
	case greater:
		return compared > 0
	case greaterOrEqual:
		return compared >= 0
	}
	return compared == 0
}

var operators = map[string]operator{
	"StringEquals":              {kind: text},
	"StringNotEquals":           {kind: text, opposite: true},
	"StringEqualsIgnoreCase":    {kind: text, fold: true},
	"StringNotEqualsIgnoreCase": {kind: text, fold: true, opposite: true},
	"StringLike":                {kind: text, wild: true},
	"StringNotLike":             {kind: text, wild: true, opposite: true},

	"NumericEquals":            {kind: number},
	"NumericNotEquals":         {kind: number, opposite: true},
	"NumericLessThan":          {kind: number, order: less},
	"NumericLessThanEquals":    {kind: number, order: lessOrEqual},
	"NumericGreaterThan":       {kind: number, order: greater},
	"NumericGreaterThanEquals": {kind: number, order: greaterOrEqual},

	"DateEquals":            {kind: date},
	"DateNotEquals":         {kind: date, opposite: true},
	"DateLessThan":          {kind: date, order: less},
	"DateLessThanEquals":    {kind: date, order: lessOrEqual},
	"DateGreaterThan":       {kind: date, order: greater},
	"DateGreaterThanEquals": {kind: date, order: greaterOrEqual},

	"Bool":         {kind: boolean, fold: true},
	"BinaryEquals": {kind: binary},
	"IpAddress":    {kind: address},
	"NotIpAddress": {kind: address, opposite: true},

	"ArnEquals":    {kind: resource, wild: true},
	"ArnLike":      {kind: resource, wild: true},
	"ArnNotEquals": {kind: resource, wild: true, opposite: true},
	"ArnNotLike":   {kind: resource, wild: true, opposite: true},

	"Null": {kind: null},
}

// values are a policy's values of one kind, ready to compare.
type values struct {
	texts     []pattern // of text, booleans and binary values
	resources []resourcePattern
	numbers   []numeral
	dates     []time.Time
	networks  []netip.Prefix
}

// add reads one value of a policy.
func (v *values) add(o operator, variables bool, s string) error {
	switch o.kind {
	case text:
		p, err := syntax{wildcards: o.wild, variables: variables}.parse(s)
		v.texts = append(v.texts, p)
		return err
	case resource:
		p, ok, err := syntax{wildcards: o.wild, variables: variables}.parseResource(s)
		if err == nil && !ok {
			return fmt.Errorf("%q is no ARN", s)
		}
		v.resources = append(v.resources, p)
		return err
	case number:
		n, ok := parseNumeral(s)
		if !ok {
			return fmt.Errorf("%q is no number", s)
		}
		v.numbers = append(v.numbers, n)
	case date:
		d, ok := parseDate(s)
		if !ok {
			return fmt.Errorf("%q is no date", s)
		}
		v.dates = append(v.dates, d)
	case boolean, null:
		if s = strings.ToLower(s); s != "true" && s != "false" {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.texts = append(v.texts, pattern{{kind: literal, text: s}})
	case binary:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("%q is no base64", s)
		}
		v.texts = append(v.texts, pattern{{kind: literal, text: base64.StdEncoding.EncodeToString(b)}})
	case address:
		n, ok := parseNetwork(s)
		if !ok {
			return fmt.Errorf("%q is neither an IP address nor a range of them", s)
		}
		v.networks = append(v.networks, n)
	}
	return nil
}

// fit tells whether a value of the request fits one of the policy's. A value
// that is not of the operator's kind fits none.
func (v *values) fit(o operator, s string, q *query) bool {
	q.steps += len(s) + len(v.numbers) + len(v.dates) + len(v.networks)
	switch o.kind {
	case resource:
		n := nameOf(s)
		for i := range v.resources {
			if v.resources[i].match(&n, q) {
				return true
			}
		}
	case number:
		n, ok := parseNumeral(s)
		for i := range v.numbers {
			if ok && o.order.holds(n.compare(v.numbers[i])) {
				return true
			}
		}
	case date:
		d, ok := parseDate(s)
		for i := range v.dates {
			if ok && o.order.holds(d.Compare(v.dates[i])) {
				return true
			}
		}
	case address:
		a, err := netip.ParseAddr(s)
		a = a.Unmap().WithZone("")
		for i := range v.networks {
			if err == nil && v.networks[i].Contains(a) {
				return true
			}
		}
	default:
		for _, p := range v.texts {
			if p.match(s, q, o.fold) {
				return true
			}
		}
	}
	return false
}

// numeral is a number of a policy or request: whole if it can be.
type numeral struct {
	whole int64
	float float64
	exact bool // whole is meant
}

func parseNumeral(s string) (numeral, bool) {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			return numeral{}, false // of other characters strconv would make infinities and hexadecimals
		}
	}
	if s == "" {
		return numeral{}, false
	}
	if len(s) < 19 && !strings.ContainsAny(s, ".eE") {
		i, err := strconv.ParseInt(s, 10, 64)
		return numeral{whole: i, float: float64(i), exact: true}, err == nil
	}
	f, err := strconv.ParseFloat(s, 64)
	return numeral{float: f}, err == nil
}

func (n numeral) compare(m numeral) int {
	switch {
	case n.exact && m.exact && n.whole < m.whole, (!n.exact || !m.exact) && n.float < m.float:
		return -1
	case n.exact && m.exact && n.whole > m.whole, (!n.exact || !m.exact) && n.float > m.float:
		return 1
	}
	return 0
}

// parseDate reads a date as ISO 8601 has it, from a year alone to fractions of
// seconds, or seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	layout := ""
	switch digits := strings.Trim(s, "0123456789") == ""; {
	case len(s) == 4 && digits:
		layout = "2006"
	case digits || strings.HasPrefix(s, "-"):
		seconds, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(seconds, 0), err == nil
	case len(s) == len("2006-01"):
		layout = "2006-01"
	case len(s) == len(time.DateOnly):
		layout = time.DateOnly
	case len(s) > 16 && s[16] == ':':
		layout = time.RFC3339
	default:
		layout = "2006-01-02T15:04Z07:00"
	}
	t, err := time.Parse(layout, s)
	return t, err == nil
}

// parseNetwork reads a range of addresses; an address alone is the smallest.
func parseNetwork(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	n, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if n.Addr().Is4In6() && n.Bits() >= 96 { // the same range in its short form
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), true
}
