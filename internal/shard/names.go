package shard

import "heddle/internal/engine"

// names finds the open run of a name. Names of one world and kind share a map, so
// that each costs only its key.
type names map[scope]map[string]*run

type scope struct {
	world engine.World
	kind  engine.Kind
}

func (n names) get(name engine.Name) *run {
	return n[scope{name.World, name.Kind}][name.Key]
}

func (n names) put(r *run) {
	in := scope{r.Name.World, r.Name.Kind}
	if n[in] == nil {
		n[in] = map[string]*run{}
	}
	n[in][r.Name.Key] = r
}

// drop forgets a run, unless another has taken its name.
func (n names) drop(r *run) {
	in := scope{r.Name.World, r.Name.Kind}
	if n[in][r.Name.Key] != r {
		return
	}
	delete(n[in], r.Name.Key)
	if len(n[in]) == 0 {
		delete(n, in)
	}
}
