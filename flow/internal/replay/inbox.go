package replay

import (
	"cmp"
	"slices"
)

// Inbox keeps the signals of a name in the order in which they arrived, from the first event on.
type Inbox struct {
	run  *Run
	name string
	got  []Signal
	seen bool // First has said that there is one
	list []*coroutine
}

// Since implements Waitable: when the first one that nobody has taken came.
func (b *Inbox) Since() uint64 {
	if len(b.got) == 0 {
		return 0
	}
	return b.got[0].since
}
func (b *Inbox) waiting() *[]*coroutine { return &b.list }

// Len is how many wait.
func (b *Inbox) Len() int { return len(b.got) }

// Inbox is that of a name.
func (r *Run) Inbox(name string) *Inbox {
	b := r.inboxes[name]
	if b == nil {
		b = &Inbox{run: r, name: name}
		if r.inboxes == nil {
			r.inboxes = map[string]*Inbox{}
		}
		r.inboxes[name] = b
	}
	return b
}

func (r *Run) signaled(name, input string) {
	b := r.Inbox(name)
	b.got = append(b.got, Signal{Name: name, Input: input, since: r.tick()})
	r.wakeAll(&b.list)
}

// Receive takes the first one, and waits for it until the scope ends.
func (b *Inbox) Receive(s *Scope, call string) (string, error) {
	r := b.run
	r.MustRun(call)
	for len(b.got) == 0 {
		if s.since != 0 {
			return "", s.err
		}
		r.blockOn(call, b, s)
	}
	first := b.got[0]
	b.got = b.got[1:]
	if len(b.got) > 0 && len(b.list) > 0 {
		r.wakeAll(&b.list) // one was woken for several, perhaps
	}
	return first.Input, nil
}

// TryReceive takes the first one if there is one.
func (b *Inbox) TryReceive() (text string, ok bool) {
	if len(b.got) == 0 {
		return "", false
	}
	text = b.got[0].Input
	b.got = b.got[1:]
	return text, true
}

// Unread are the signals that nobody has taken, in the order of their arrival.
func (r *Run) Unread() (all []Signal) {
	for _, b := range r.inboxes {
		all = append(all, b.got...)
	}
	slices.SortFunc(all, func(a, b Signal) int { return cmp.Compare(a.since, b.since) })
	return all
}

// Unseen are the names of signals that nobody has taken, nor looked for.
func (r *Run) Unseen() (names []string) {
	for _, s := range r.Unread() {
		if !r.inboxes[s.Name].seen {
			names = append(names, s.Name)
		}
	}
	return names
}
