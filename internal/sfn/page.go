package sfn

import (
	"context"
	"crypto/sha256"
	"errors"

	"heddle/internal/engine"
	"heddle/internal/pack"
	"heddle/internal/sfn/registry"
	"heddle/internal/token"
)

// familyPage is that of the tokens of pages of what is set up.
const familyPage token.Family = "states.page"

// pageSize is how many items a page has: 100 unless the caller says otherwise, and then
// what the model allows.
func pageSize(given *int64) int {
	if n := int(value(given)); n > 0 {
		return n
	}
	return 100
}

// queryHash stands in a page token for all that must stay the same from page to page.
func queryHash(parts ...string) [16]byte {
	var b []byte
	for _, p := range parts {
		b = pack.Text(b, p)
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// pages are the pages of what a call lists. The position of the next is told by the last
// item of the one before.
type pages struct {
	*actions
	world engine.World
	query [16]byte
}

func (s *actions) pages(ctx context.Context, parts ...string) pages {
	return pages{s, worldOf(ctx), queryHash(parts...)}
}

// after opens a page token; empty is the first page. Errors: InvalidToken.
func (p *pages) after(next *string) (string, error) {
	if next == nil {
		return "", nil
	}
	after, err := p.Tokens.OpenPage(familyPage, p.world, p.query, *next)
	if err != nil {
		return "", errInvalidToken
	}
	return string(after), nil
}

// next seals a page token; nil if there is no more.
func (p *pages) next(last string, more bool) (*string, error) {
	if !more {
		return nil, nil
	}
	next, err := p.Tokens.SealPage(familyPage, p.world, p.query, []byte(last))
	return &next, err
}

// names reads a page of the names of a kind.
func (s *actions) names(ctx context.Context, kind engine.Kind, maxResults *int64, nextToken *string) (page registry.NamePage, next *string, err error) {
	p := s.pages(ctx, string(kind))
	after, err := p.after(nextToken)
	if err != nil {
		return page, nil, err
	}
	reply, err := s.Runs.Do(ctx, registry.NamesCommand(p.world, kind, registry.ListNames{After: after, Limit: pageSize(maxResults)}))
	if isMissing(err) {
		return page, nil, nil
	}
	if err != nil {
		return page, nil, err
	}
	page = reply.(registry.NamePage)
	if n := len(page.Entries); n > 0 {
		next, err = p.next(page.Entries[n-1].Name, page.More)
	}
	return page, next, err
}

// isFull tells whether as many names of a kind are there as may be.
func (s *actions) isFull(ctx context.Context, w engine.World, kind engine.Kind, most int) (bool, error) {
	reply, err := s.Runs.Do(ctx, registry.NamesCommand(w, kind, registry.CountNames{}))
	if _, none := errors.AsType[*engine.UnknownRunError](err); none {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return reply.(int) >= most, nil
}

// create gives a command that creates a thing to its run, and has its name listed. What is
// there is found by the command itself. full is the fault when there are too many.
func (s *actions) create(ctx context.Context, cmd engine.Command, most int, full error, entry func(reply any) registry.Entry) (any, error) {
	ctx = context.WithoutCancel(ctx)
	look := registry.Command(cmd.Name.World, cmd.Name.Kind, cmd.Name.Key, registry.Describe{})
	if _, err := s.Runs.Do(ctx, look); isMissing(err) {
		if many, err := s.isFull(ctx, cmd.Name.World, cmd.Name.Kind, most); err != nil {
			return nil, err
		} else if many {
			return nil, full
		}
	}
	reply, err := s.change(ctx, cmd)
	if err != nil {
		return nil, err
	}
	// The thing has sent the same news, which may come later than the caller's next call.
	_, err = s.Runs.Do(ctx, registry.NamesCommand(cmd.Name.World, cmd.Name.Kind, registry.Enter{Entry: entry(reply)}))
	return reply, err
}

// remove gives a command that deletes a thing to its run, and has its name taken from the
// list. That it is not there is no error.
func (s *actions) remove(ctx context.Context, cmd engine.Command, entry func(reply any) registry.Entry) error {
	reply, err := s.change(ctx, cmd)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	e := entry(reply)
	_, err = s.Runs.Do(context.WithoutCancel(ctx), registry.NamesCommand(cmd.Name.World, cmd.Name.Kind, registry.Strike{Name: e.Name, Run: e.Run}))
	if isMissing(err) { // nobody has told the list of it yet
		return nil
	}
	return err
}
