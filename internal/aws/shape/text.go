package shape

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

// The readers of texts are for values in parameters, paths and headers. Name is the
// value's, for the error.

// ParseString reads a text, which must be UTF-8.
func ParseString(name, s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%s: the text is not valid UTF-8", name)
	}
	return s, nil
}

// ParseInteger reads a whole number.
func ParseInteger(name, s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a whole number", name, s)
	}
	return n, nil
}

// ParseFloat reads a number.
func ParseFloat(name, s string) (float64, error) {
	if f, ok := notFinite[s]; ok {
		return f, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, fmt.Errorf("%s: %q is not a number", name, s)
	}
	return f, nil
}

// ParseBool reads a truth value.
func ParseBool(name, s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%s: %q is neither true nor false", name, s)
}

// ParseBlob reads bytes that are written as base64.
func ParseBlob(name, s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%s: the text is not valid base64", name)
	}
	return b, nil
}

// ParseTime reads a timestamp in the format of ISO 8601.
func ParseTime(name, s string) (Timestamp, error) {
	t, err := parseTime(s)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

func parseTime(s string) (Timestamp, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time in the format of ISO 8601", s)
	}
	return Timestamp(t.UnixMilli()), nil
}

// ParseEpoch reads a timestamp in seconds since the epoch.
func ParseEpoch(name, s string) (Timestamp, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) >= 1<<53 {
		return 0, fmt.Errorf("%s: %q is not a number of seconds", name, s)
	}
	return Timestamp(math.Round(f * 1000)), nil
}

// ParseDate reads a timestamp in the format of HTTP's headers.
func ParseDate(name, s string) (Timestamp, error) {
	t, err := http.ParseTime(s)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a date of HTTP", name, s)
	}
	return Timestamp(t.UnixMilli()), nil
}

// FormatTime is t in the format of ISO 8601, with milliseconds: whoever parses by a fixed
// form reads each.
func FormatTime(t Timestamp) string { return t.Time().Format("2006-01-02T15:04:05.000Z") }

// FormatSecond is t in the format of ISO 8601, to the second.
func FormatSecond(t Timestamp) string { return t.Time().Format("2006-01-02T15:04:05Z") }

// FormatEpoch is t in seconds since the epoch.
func FormatEpoch(t Timestamp) string { return string(AppendTimestamp(nil, t)) }

// FormatDate is t in the format of HTTP's headers.
func FormatDate(t Timestamp) string { return t.Time().Format(http.TimeFormat) }

// FormatInteger is a whole number as a text.
func FormatInteger(n int64) string { return strconv.FormatInt(n, 10) }

// FormatBool is a truth value as a text.
func FormatBool(b bool) string { return strconv.FormatBool(b) }

// FormatFloat is a number as a text.
func FormatFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// FormatBlob is bytes as base64.
func FormatBlob(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
