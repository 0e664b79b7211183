package execution

import (
	"fmt"
	"strconv"

	"github.com/go-faster/jx"

	"heddle/internal/aws/shape"
	"heddle/internal/engine"
	"heddle/internal/swf/wire"
)

// appendEvent appends an event as the wire carries it.
func appendEvent(b []byte, id int64, at engine.Time, body wire.EventBody) []byte {
	kind := body.EventType()
	b = append(b, `{"eventId":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"eventTimestamp":`...)
	b = shape.AppendTimestamp(b, shape.Timestamp(at))
	b = append(b, `,"eventType":"`...)
	b = append(b, kind...)
	b = append(b, `","`...)
	b = append(b, kind[0]+'a'-'A')
	b = append(b, kind[1:]...)
	b = append(b, `EventAttributes":`...)
	b = body.AppendJSON(b)
	return append(b, '}')
}

// DecodeEvent reads an event back.
func (r *Rules) DecodeEvent(id int64, at engine.Time, public, private []byte) (engine.Event, error) {
	var h wire.HistoryEvent
	if err := h.Decode(jx.DecodeBytes(public)); err != nil {
		return engine.Event{}, fmt.Errorf("decode event %d: %w", id, err)
	}
	body := h.Body()
	if h.EventID != id || body == nil {
		return engine.Event{}, fmt.Errorf("decode event %d: it is event %d, a %q", id, h.EventID, h.EventType)
	}
	return engine.Event{ID: id, At: at, Body: body, Public: public, Private: private}, nil
}
