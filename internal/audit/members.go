package audit

import "fmt"

// class says what a record shows of a member.
type class uint8

const (
	unshown class = iota // nothing
	open
	data   // free-form, of users: that it was there, unless more is asked for
	secret // that it was there
	named  // all of it: a map whose names are the user's
)

func (c class) hides(showData bool) bool {
	return c == secret || c == data && !showData
}

// Members are the members of a service's requests and answers, by name, wherever they
// stand. Names begin with a small letter, as in CloudTrail's records, whatever the
// protocol has. Of a member that is not among them nothing is shown.
type Members map[string]class

// NewMembers makes a table. A name that stands in it twice panics: one of the two would
// be passed over in silence.
func NewMembers(shown, free, secrets, none, maps []string) Members {
	all := Members{}
	for as, names := range [...][]string{unshown: none, open: shown, data: free, secret: secrets, named: maps} {
		for _, name := range names {
			if _, twice := all[name]; twice || name != lowerFirst(name) {
				panic(fmt.Sprintf("audit: the member %q is listed twice, or not as records have it", name))
			}
			all[name] = class(as)
		}
	}
	return all
}

// Decided tells whether it was decided what a record shows of a member, and whether it
// shows anything.
func (m Members) Decided(name string) (decided, shown bool) {
	as, decided := m[lowerFirst(name)]
	return decided, as != unshown
}
