// Package eventbridge is events as Amazon EventBridge has them: their envelope, and the
// patterns that choose among them. It sends nothing.
package eventbridge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"heddle/internal/aws/shape"
)

// Event is an event but for its detail.
type Event struct {
	ID       string // see ID
	Type     string // detail-type
	Source   string
	Account  string
	At       int64 // milliseconds since the Unix epoch; the envelope has seconds
	Region   string
	Resource string // the only one
}

// Append appends the event; detail appends its detail, a JSON object.
func (e *Event) Append(b []byte, detail func([]byte) []byte) []byte {
	b = append(b, `{"version":"0","id":`...)
	b = shape.AppendString(b, e.ID)
	b = append(b, `,"detail-type":`...)
	b = shape.AppendString(b, e.Type)
	b = append(b, `,"source":`...)
	b = shape.AppendString(b, e.Source)
	b = append(b, `,"account":`...)
	b = shape.AppendString(b, e.Account)
	b = append(b, `,"time":"`...)
	b = time.UnixMilli(e.At).UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","region":`...)
	b = shape.AppendString(b, e.Region)
	b = append(b, `,"resources":[`...)
	b = shape.AppendString(b, e.Resource)
	b = append(b, `],"detail":`...)
	b = detail(b)
	return append(b, '}')
}

// Types of what is told to those alone who ask for it, and that no bus has: what is logged of
// an execution, whose detail is a record as CloudWatch Logs has it, and whose resource is the log
// group; and spans that have ended, with the name of their service.
const (
	TypeLog   = "Heddle State Machine Log"
	TypeSpans = "Heddle Spans"
)

// beforeID and beforeType come before an event's id, and after it.
const (
	beforeID     = `{"version":"0","id":"`
	beforeType   = `","detail-type":"`
	beforeDetail = `"],"detail":`
	idBytes      = 36
)

// Head gives id and type of an event that Append has made, without reading all of it; of
// anything else they are empty.
func Head(event []byte) (id, detailType string) {
	const after = len(beforeID) + idBytes + len(beforeType)
	if len(event) < after || string(event[:len(beforeID)]) != beforeID || string(event[after-len(beforeType):after]) != beforeType {
		return "", ""
	}
	end := bytes.IndexByte(event[after:], '"')
	if end < 0 {
		return "", ""
	}
	return string(event[len(beforeID) : len(beforeID)+idBytes]), string(event[after : after+end])
}

// Detail gives the detail of an event that Append has made: of anything else, nil.
func Detail(event []byte) []byte {
	// Within a text a quote has a backslash before it.
	if at := bytes.Index(event, []byte(beforeDetail)); at >= 0 {
		return event[at+len(beforeDetail) : len(event)-1]
	}
	return nil
}

// Sum names what has no run by a text of its own.
func Sum(text string) (run [16]byte) {
	sum := sha256.Sum256([]byte(text))
	copy(run[:], sum[:])
	return run
}

// ID gives the id of what is told of an event of a run: a UUID that is always the same.
func ID(run [16]byte, event int64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(run[:], uint64(event)))
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made as we like
	sum[8] = sum[8]&0x3f | 0x80
	var b [36]byte
	at := 0
	for i, n := range []int{4, 2, 2, 2, 6} {
		if i > 0 {
			b[at] = '-'
			at++
		}
		hex.Encode(b[at:], sum[:n])
		at += 2 * n
		copy(sum[:], sum[n:])
	}
	return string(b[:])
}
