package link

import (
	"encoding/json"
	"fmt"
)

// protocol is how TLS calls what goes over a link: length and bytes of each frame, of which
// the first each way is a hello, and empty ones are pings.
const protocol = "heddle-link/1"

// hello is what both sides say first. Members of it that a release does not know it skips.
type hello struct {
	Name string // of the node
	// From and To are the levels of frames that it can read and write.
	From, To int
}

func (p *Peer) hello() []byte {
	b, err := json.Marshal(hello{p.Name, p.LevelFrom, p.Level})
	if err != nil {
		panic(fmt.Sprintf("link: hello: %v", err))
	}
	return b
}

// meet reads what the other side says first.
func (p *Peer) meet(said []byte) (other hello, err error) {
	if err := json.Unmarshal(said, &other); err != nil {
		return other, fmt.Errorf("its first frame is no hello: %w", err)
	}
	if other.From > p.Level || other.To < p.LevelFrom {
		return other, fmt.Errorf("it speaks levels %d to %d, and this server %d to %d: upgrade by way of a release between them", other.From, other.To, p.LevelFrom, p.Level)
	}
	return other, nil
}
