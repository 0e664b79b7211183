// Package registry holds the rules of what Step Functions has set up: activities, and
// state machines with their versions and aliases.
//
// There are three kinds of run. "sfn-activity" and "sfn-machine" are one activity and one
// state machine, called by its name: such a run begins when the thing is created, and
// closes when it is deleted; then the name is free. "sfn-names" is a world's list of the
// names of one or the other, which never closes; a thing tells it by messages that it
// came, and that it has gone.
//
// Reads are commands too, so that they answer what is durable. A command for a thing that
// is not there gets engine.UnknownRunError.
package registry

import (
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/options"
	"heddle/internal/pack"
)

const (
	// KindActivity is the kind of an activity. Its key is the activity's name.
	KindActivity engine.Kind = "sfn-activity"
	// KindMachine is the kind of a state machine. Its key is the machine's name.
	KindMachine engine.Kind = "sfn-machine"
	// KindNames is the kind of a list of names. Its key is the kind of what has them.
	KindNames engine.Kind = "sfn-names"
)

// Limits are the quotas. Those of names are looked at before something is created: what is
// created at the same moment may exceed them.
type Limits struct {
	ActivitiesMax int `name:"activities" env:"ACTIVITIES" default:"10000" min:"1" max:"1000000" help:"Activities per account and region."`
	MachinesMax   int `name:"state-machines" env:"STATE_MACHINES" default:"10000" min:"1" max:"1000000" help:"State machines per account and region."`
	VersionsMax   int `name:"versions" env:"VERSIONS" default:"1000" min:"1" max:"1000" help:"Versions per state machine."`
	AliasesMax    int `name:"aliases" env:"ALIASES" default:"100" min:"1" max:"1000" help:"Aliases per state machine."`
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits { return options.Defaults[Limits]() }

// TagsMax is how many tags a thing has at most.
const TagsMax = 50

// PageMax bounds the entries of one page.
const PageMax = 1000

func pageLimit(limit int) int {
	if limit <= 0 || limit > PageMax {
		return PageMax
	}
	return limit
}

// Command addresses a command to an activity or a state machine. What creates it wants the
// seed of a new run.
func Command(world engine.World, kind engine.Kind, name string, body any) engine.Command {
	return engine.Command{Name: engine.Name{World: world, Kind: kind, Key: name}, Body: body}
}

// CreateCommand addresses a command that creates what is not there yet.
func CreateCommand(world engine.World, kind engine.Kind, name string, seed engine.Seed, body any) engine.Command {
	c := Command(world, kind, name, body)
	c.Begin, c.Seed = engine.IfAbsent, seed
	return c
}

// NamesCommand addresses a command to the names of a kind.
func NamesCommand(world engine.World, kind engine.Kind, body any) engine.Command {
	_, begins := body.(Enter)
	return collection.Command(namesOf(world, kind), body, begins)
}

func namesOf(world engine.World, kind engine.Kind) engine.Name {
	return engine.Name{World: world, Kind: KindNames, Key: string(kind)}
}

// Commands that activities and state machines both take.
type (
	// Describe: the reply is the thing, an *Activity or a *Machine.
	Describe struct{}
	// Tag sets tags. Errors: *TagError, *TooManyTagsError.
	Tag struct{ Tags []collection.Tag }
	// Untag takes tags away, as far as they are there.
	Untag struct{ Keys []string }
)

// Encryption is how the data of a thing is encrypted.
type Encryption struct {
	Key          string // as it was given; empty: a key of the server's own
	ReuseSeconds int64  // of data keys; zero without a key
}

// Code writes it or reads it back.
func (e *Encryption) Code(c *pack.Coder) {
	c.Text(&e.Key)
	c.Int(&e.ReuseSeconds)
}

// withTags gives the tags with more added; a key's new value replaces its old one, also if
// both are given at once. The result is sorted by key. Errors: *TagError, *TooManyTagsError.
func withTags(tags, more []collection.Tag) ([]collection.Tag, error) {
	last := map[string]int{}
	for i := range more {
		if flaw := more[i].Flaw(); flaw != "" {
			return nil, &TagError{more[i].Key, flaw}
		}
		last[more[i].Key] = i
	}
	if len(last) > TagsMax {
		return nil, &TooManyTagsError{}
	}
	var once []collection.Tag
	for i, t := range more {
		if last[t.Key] == i {
			once = append(once, t)
		}
	}
	all := collection.Exactly.With(tags, once)
	if len(all) > TagsMax {
		return nil, &TooManyTagsError{}
	}
	return all, nil
}
