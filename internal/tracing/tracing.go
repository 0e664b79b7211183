// Package tracing makes spans of executions: who began them, by the headers of W3C and of
// X-Ray, and what OpenTelemetry's protocol has of a span, as JSON. It is pure, and all ids follow
// from the run, so that a span which is told twice is the same.
//
// Sources: W3C Trace Context; X-Ray Developer Guide, "Tracing header"; OpenTelemetry Protocol
// 1.5, "JSON Protobuf Encoding".
package tracing

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
)

// Context is the place of something in a trace.
type Context struct {
	Trace  [16]byte
	Parent [8]byte // zero: the trace begins with it
	Off    bool    // whoever began the trace does not want it to be recorded
}

// Of is the trace of a run: the one that a header names, or else one of its own, which begins
// with the time in seconds, so that X-Ray takes it.
func Of(header string, run [16]byte, started engine.Time) Context {
	if c, ok := Read(header); ok {
		return c
	}
	var c Context
	sum := sha256.Sum256(append([]byte("trace"), run[:]...))
	copy(c.Trace[:], sum[:])
	binary.BigEndian.PutUint32(c.Trace[:], uint32(started/1000))
	return c
}

// Read reads a header of X-Ray (Root=1-…;Parent=…;Sampled=1) or of W3C (00-…-…-01). Without
// a valid trace in it, ok is false.
func Read(header string) (c Context, ok bool) {
	if parts := strings.Split(strings.TrimSpace(header), "-"); len(parts) >= 4 && len(parts[0]) == 2 && parts[0] != "ff" {
		flags, err := hex.DecodeString(parts[3])
		ok = err == nil && len(flags) == 1 && read(c.Trace[:], parts[1]) && read(c.Parent[:], parts[2])
		c.Off = ok && flags[0]&1 == 0
		return c, ok
	}
	for field := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Root":
			version, rest, _ := strings.Cut(value, "-")
			at, random, _ := strings.Cut(rest, "-")
			ok = version == "1" && len(at) == 8 && read(c.Trace[:], at+random)
		case "Parent":
			if !read(c.Parent[:], value) {
				c.Parent = [8]byte{}
			}
		case "Sampled":
			c.Off = value == "0"
		}
	}
	return c, ok
}

// Valid gives a header that names a trace; of another, "".
func Valid(header string) string {
	if _, ok := Read(header); ok {
		return header
	}
	return ""
}

// read reads an id in hexadecimal, which is not zero.
func read(to []byte, text string) bool {
	if len(text) != 2*len(to) || strings.ToLower(text) != text {
		return false
	}
	n, err := hex.Decode(to, []byte(text))
	return err == nil && n == len(to) && strings.Trim(text, "0") != ""
}

// XRay is the header of X-Ray for what a span calls.
func (c Context) XRay(span [8]byte) string {
	sampled := ";Sampled=1"
	if c.Off {
		sampled = ";Sampled=0"
	}
	id := hex.EncodeToString(c.Trace[:])
	return "Root=1-" + id[:8] + "-" + id[8:] + ";Parent=" + hex.EncodeToString(span[:]) + sampled
}

// W3C is the header traceparent for what a span calls.
func (c Context) W3C(span [8]byte) string {
	flags := "-01"
	if c.Off {
		flags = "-00"
	}
	return "00-" + hex.EncodeToString(c.Trace[:]) + "-" + hex.EncodeToString(span[:]) + flags
}

// Sampled tells whether a trace is among the part of all that is recorded. It depends on the
// trace alone.
func (c Context) Sampled(part float64) bool {
	n := binary.BigEndian.Uint64(c.Trace[8:]) >> 11 // as precise as a float64
	return float64(n) < part*(1<<53)
}

// ID is that of a span of a run, told apart by a number: mostly that of the event with which
// it began.
func ID(run [16]byte, number int64) (id [8]byte) {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("span"), run[:]...), uint64(number)))
	copy(id[:], sum[:])
	return id
}

// Kind is that of a span, as the protocol numbers it.
type Kind byte

const (
	Internal Kind = 1
	Server   Kind = 2
	Client   Kind = 3
	Consumer Kind = 5
)

// Span is a span that has ended.
type Span struct {
	Context
	ID         [8]byte
	Name       string
	Kind       Kind
	From, To   engine.Time
	Started    engine.Time // when somebody took it; 0: nobody did, or it can't be taken
	Failed     bool
	Message    string // why it failed
	Attributes []string
}

// nameMax and messageMax are how many bytes of a name and a message are told.
const (
	nameMax    = 256
	messageMax = 1024
)

// Append appends the span as OTLP has it in JSON. Attributes are pairs of key and value; those
// with an empty value are left out.
func (s *Span) Append(b []byte) []byte {
	b = append(b, `{"traceId":"`...)
	b = hex.AppendEncode(b, s.Trace[:])
	b = append(b, `","spanId":"`...)
	b = hex.AppendEncode(b, s.ID[:])
	if s.Parent != [8]byte{} {
		b = append(b, `","parentSpanId":"`...)
		b = hex.AppendEncode(b, s.Parent[:])
	}
	b = append(b, `","name":`...)
	b = shape.AppendString(b, short(s.Name, nameMax))
	b = append(b, `,"kind":`...)
	b = strconv.AppendInt(b, int64(s.Kind), 10)
	b = append(b, `,"startTimeUnixNano":"`...)
	b = appendNanos(b, s.From)
	b = append(b, `","endTimeUnixNano":"`...)
	b = appendNanos(b, max(s.From, s.To))
	b = append(b, `","attributes":[`...)
	first := true
	for i := 0; i+1 < len(s.Attributes); i += 2 {
		if s.Attributes[i+1] == "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"key":`...)
		b = shape.AppendString(b, s.Attributes[i])
		b = append(b, `,"value":{"stringValue":`...)
		b = shape.AppendString(b, short(s.Attributes[i+1], messageMax))
		b = append(b, `}}`...)
	}
	b = append(b, ']')
	if s.Started != 0 {
		b = append(b, `,"events":[{"timeUnixNano":"`...)
		b = appendNanos(b, s.Started)
		b = append(b, `","name":"started"}]`...)
	}
	if s.Failed {
		b = append(b, `,"status":{"code":2`...)
		if s.Message != "" {
			b = append(b, `,"message":`...)
			b = shape.AppendString(b, short(s.Message, messageMax))
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendNanos(b []byte, at engine.Time) []byte {
	return strconv.AppendInt(b, int64(at)*1_000_000, 10)
}

// short cuts a text, between characters.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xc0 == 0x80 {
		most--
	}
	return s[:most]
}

// What is told of spans that ended with one event: an event whose detail is a Told.
const (
	source = "heddle.traces"
	spanID = 1 << 41 // beyond all ids of events, and of what is logged
)

// Told are spans of a run, of what a service has a name for: a state machine, or a domain.
// Spans are those that Span.Append has made, with commas between them.
func Told(w engine.World, run [16]byte, event int64, at engine.Time, service, resource string, spans []byte) engine.Notification {
	told := eventbridge.Event{
		ID: eventbridge.ID(run, event+spanID), Type: eventbridge.TypeSpans, Source: source, Account: w.Account, Region: w.Region, At: int64(at), Resource: resource,
	}
	return engine.Notification{Event: event, Body: told.Append(make([]byte, 0, 512+len(spans)), func(b []byte) []byte {
		b = append(b, `{"service":`...)
		b = shape.AppendString(b, service)
		b = append(b, `,"spans":[`...)
		b = append(b, spans...)
		return append(b, `]}`...)
	})}
}
