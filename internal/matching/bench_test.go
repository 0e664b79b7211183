package matching

import (
	"testing"

	"heddle/internal/engine"
)

// BenchmarkPairing is a task that is offered, claimed by a poll and accepted, of a list that
// is polled all the time.
func BenchmarkPairing(b *testing.B) {
	m := New(Config{PollsPerListMax: 10})
	b.ReportAllocs()
	id := int64(0)
	for b.Loop() {
		id++
		m.Offer(engine.RunID{1}, engine.Offer{List: "l", ID: id, At: engine.Time(id)})
		c, err := m.Poll(b.Context(), "l", Poller{Identity: "w", Principal: "arn:aws:iam::123456789012:user/w", Address: "10.0.0.1", Account: "1"})
		if err != nil || c == nil {
			b.Fatal(c, err)
		}
		c.Accept()
	}
}
