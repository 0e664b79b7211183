package homes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"heddle/internal/store"
	"heddle/internal/store/pgstore"
)

// Home is where a part of a store is.
type Home struct {
	// Name is what people call it; it stays, wherever it is.
	Name string
	// Open opens its store, or makes one. With an id it must be that one, and none is made.
	Open func(ctx context.Context, id string) (Below, error)
}

// Options is how to open a store.
type Options struct {
	ID       string // that of the first home; empty: any, or a new one
	ReadOnly bool
	// Whole: all homes must be reached; else only the first, and all when the store is made.
	Whole bool
}

// Rows of the meta space. The first home says which homes there are: in a line each, name and
// id, once all are made, and before that the names alone. Each other one says the id of the
// first, and its own name.
const (
	homesKey = pgstore.HomesKey
	homeKey  = pgstore.HomeKey
)

// Maximum is how many homes there may be.
const Maximum = 64

// Open opens a store, or makes it. Errors: store.ErrHeld if another member has it.
func Open(ctx context.Context, all []Home, o Options) (_ *Store, err error) {
	if err := checkNames(all); err != nil {
		return nil, err
	}
	s := &Store{}
	for i := range all {
		s.homes = append(s.homes, &home{Home: all[i]})
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	first, err := s.open(ctx, 0, o.ID)
	if err != nil {
		return nil, err
	}
	if s.shards = first.Shards(); int(s.shards) < len(all) {
		return nil, fmt.Errorf("%d homes are more than the %d shards of the store", len(all), s.shards)
	}
	ids, err := s.listed(ctx, first, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	made := len(ids) > 0
	errs := make([]error, len(all))
	var others sync.WaitGroup
	for i := 1; i < len(all) && made; i++ { // at once: one that is away takes its time
		others.Go(func() { _, errs[i] = s.open(ctx, i, ids[i]) })
	}
	others.Wait()
	for i := 1; i < len(all); i++ {
		if !made { // one after the other: two may be one database
			_, errs[i] = s.open(ctx, i, "")
		}
		if made && !o.Whole && pgstore.Unreachable(errs[i]) {
			continue
		}
		if errs[i] != nil {
			return nil, s.explain(i, ids, errs[i])
		}
		if err := s.mark(ctx, i, s.At(i), made || o.ReadOnly); err != nil {
			return nil, err
		}
	}
	if !made {
		return s, s.finish(ctx)
	}
	return s, nil
}

// checkNames refuses what can't be the homes of a store.
func checkNames(all []Home) error {
	if len(all) < 2 || len(all) > Maximum {
		return fmt.Errorf("%d homes; want 2 to %d", len(all), Maximum)
	}
	for i, h := range all {
		if strings.Trim(h.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || h.Name == "" || len(h.Name) > 64 {
			return fmt.Errorf("home %q: want a name of letters, digits, - and _", h.Name)
		}
		if slices.ContainsFunc(all[:i], func(other Home) bool { return other.Name == h.Name }) {
			return fmt.Errorf("home %q is given twice; each has a name of its own", h.Name)
		}
	}
	return nil
}

// open opens one home, and knows it from then on.
func (s *Store) open(ctx context.Context, i int, id string) (Below, error) {
	h := s.homes[i]
	below, err := h.Open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("home %q: %w", h.Name, err)
	}
	h.at.Store(&below)
	return below, nil
}

// listed gives the ids of the homes as the first one has them; none: they are yet to be made.
func (s *Store) listed(ctx context.Context, first Below, readOnly bool) (ids []string, err error) {
	meta := first.Meta()
	names := s.Names()
	for {
		text, err := meta.Get(ctx, homesKey)
		if err == nil {
			return readList(string(text), names)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if of, err := meta.Get(ctx, homeKey); err == nil {
			_, own, _ := strings.Cut(string(of), " ")
			return nil, fmt.Errorf("home %q: its database is home %q of a store, and not the first one; give the homes in the order in which the store was created", names[0], own)
		}
		used, err := isUsed(ctx, meta)
		if err != nil {
			return nil, err
		}
		if used {
			return nil, fmt.Errorf("home %q: its database has a store of one home, and the homes of a store are fixed when it is created; give it alone, as --postgres URL, or copy it to new homes", names[0])
		}
		if readOnly {
			return nil, fmt.Errorf("home %q: %w", names[0], pgstore.ErrNoStore)
		}
		err = meta.CompareAndSet(ctx, homesKey, nil, []byte(strings.Join(names, "\n")))
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

// readList compares the homes of a store with those that are given.
func readList(text string, given []string) (ids []string, err error) {
	var names []string
	for line := range strings.Lines(text) {
		name, id, made := strings.Cut(strings.TrimSpace(line), " ")
		names = append(names, name)
		if made {
			ids = append(ids, id)
		}
	}
	if slices.Equal(names, given) {
		return ids, nil
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(given, n) })
	strange := slices.DeleteFunc(slices.Clone(given), func(n string) bool { return slices.Contains(names, n) })
	what := ""
	switch {
	case len(missing) == 0 && len(strange) == 0:
		what = "their order is another one"
	case len(missing) == len(strange):
		what = fmt.Sprintf("%s is not one of them, and %s is missing: a home keeps its name, wherever it is", quoteAll(strange), quoteAll(missing))
	case len(missing) > 0:
		what = quoteAll(missing) + " is missing"
	default:
		what = quoteAll(strange) + " is not one of them; to have more homes, copy the store to new ones"
	}
	return nil, fmt.Errorf("the store was created with the homes %s, and given are %s: %s", strings.Join(names, ", "), strings.Join(given, ", "), what)
}

func quoteAll(names []string) string { return fmt.Sprintf("%q", names) }

// isUsed tells whether a store has anything but rows of its own.
func isUsed(ctx context.Context, meta store.Meta) (bool, error) {
	rows, err := meta.List(ctx, "")
	for key := range rows {
		if !strings.HasPrefix(key, "store/") {
			return true, err
		}
	}
	return false, err
}

// explain says which home a wrong database belongs to.
func (s *Store) explain(i int, ids []string, err error) error {
	var other *pgstore.OtherStoreError
	name := s.homes[i].Name
	if errors.As(err, &other) {
		if at := slices.Index(ids, other.Found); at >= 0 {
			return fmt.Errorf("home %q: its database is that of home %q; give each its own", name, s.homes[at].Name)
		}
		return fmt.Errorf("home %q: its database has another store (%s, not %s); give the database that has this home", name, other.Found, other.Want)
	}
	if errors.Is(err, pgstore.ErrNoStore) {
		return fmt.Errorf("%w, all homes to one time", err)
	}
	return err
}

// mark has a home say whose it is, or compares what it says.
func (s *Store) mark(ctx context.Context, i int, below Below, made bool) error {
	first, name := s.At(0), s.homes[i].Name
	for at := range i {
		if s.At(at) != nil && s.At(at).ID() == below.ID() {
			return fmt.Errorf("homes %q and %q: both are one database; give each its own", s.homes[at].Name, name)
		}
	}
	if below.Shards() != s.shards {
		return fmt.Errorf("home %q: its database has a store of %d shards, and the first home's has %d; give the database that has this home", name, below.Shards(), s.shards)
	}
	meta, want := below.Meta(), first.ID()+" "+name
	for {
		said, err := meta.Get(ctx, homeKey)
		switch {
		case err == nil && string(said) == want:
			return nil
		case err == nil:
			return fmt.Errorf("home %q: its database is a home of another store, called %q there; give the database that has this home, or an empty one", name, strings.TrimPrefix(string(said), first.ID()+" "))
		case !errors.Is(err, store.ErrNotFound):
			return err
		case made:
			return fmt.Errorf("home %q: its database does not say that it is one; restore it, all homes to one time", name)
		}
		used, err := isUsed(ctx, meta)
		if err != nil {
			return err
		}
		_, err = meta.Get(ctx, homesKey)
		if used || err == nil {
			return fmt.Errorf("home %q: its database has a store of its own; give an empty database", name)
		}
		if err := s.becomes(ctx, below); err != nil {
			return err
		}
		if err := meta.CompareAndSet(ctx, homeKey, nil, []byte(want)); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// becomes gives a store the format of a home, if it has one.
func (s *Store) becomes(ctx context.Context, below Below) error {
	if f, ok := below.(interface{ BecomeHome(context.Context) error }); ok {
		return f.BecomeHome(ctx)
	}
	return nil
}

// finish writes which homes there are, all being made.
func (s *Store) finish(ctx context.Context) error {
	if err := s.becomes(ctx, s.At(0)); err != nil {
		return err
	}
	names, lines := s.Names(), make([]string, len(s.homes))
	for i, name := range names {
		lines[i] = name + " " + s.At(i).ID()
	}
	err := s.Meta().CompareAndSet(ctx, homesKey, []byte(strings.Join(names, "\n")), []byte(strings.Join(lines, "\n")))
	if errors.Is(err, store.ErrConflict) { // another opening has done so
		var text []byte
		if text, err = s.Meta().Get(ctx, homesKey); err == nil && string(text) != strings.Join(lines, "\n") {
			err = errors.New("the homes were made by somebody else, of other databases; start again")
		}
	}
	return err
}

// Reopen opens a home that was away since the start.
func (s *Store) Reopen(ctx context.Context, i int) error {
	text, err := s.Meta().Get(ctx, homesKey)
	if err != nil {
		return err
	}
	ids, err := readList(string(text), s.Names())
	if err != nil {
		return err
	}
	below, err := s.homes[i].Open(ctx, ids[i])
	if err != nil {
		return s.explain(i, ids, fmt.Errorf("home %q: %w", s.homes[i].Name, err))
	}
	if err := s.mark(ctx, i, below, true); err != nil {
		return errors.Join(err, below.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(store.ErrClosed, below.Close())
	}
	s.homes[i].at.Store(&below)
	return nil
}
