package asl

import "time"

// ParseTimestamp reads a timestamp as states and rules compare and wait for them: RFC 3339
// with an upper-case T, and an upper-case Z or an offset; the fraction of a second may
// have any number of digits (those beyond nanoseconds do not count).
// Source: Amazon States Language, Timestamps.
func ParseTimestamp(text string) (time.Time, bool) {
	// time.Parse is more liberal: it takes a comma before the fraction, and hours of one digit.
	if len(text) < len("2006-01-02T15:04:05Z") || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return time.Time{}, false
	}
	rest := text[19:]
	if rest[0] == '.' {
		i := 1
		for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
			i++
		}
		if i == 1 || i == len(rest) {
			return time.Time{}, false
		}
		if i > 10 {
			text = text[:19+10] + rest[i:]
		}
		rest = rest[i:]
	}
	switch {
	case rest == "Z":
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
	default:
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text)
	return t, err == nil
}
