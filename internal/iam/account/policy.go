package account

import (
	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/pack"
)

// Policy is a managed policy: the customer's, or one of ours (Managed). It never
// changes.
type Policy struct {
	Name        string
	Path        string
	ID          string
	Description string
	CreatedAt   engine.Time
	UpdatedAt   engine.Time
	Tags        []Tag
	Versions    []Version // oldest first
	Default     int       // the number of the version that counts
	Last        int       // the highest number ever given
	BuiltIn     bool      // one of Managed; such are never stored
}

// listed is what lists show of a policy; see that of an Entity.
func (p *Policy) listed() *Policy {
	return &Policy{Name: p.Name, Path: p.Path, ID: p.ID, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Default: p.Default, BuiltIn: p.BuiltIn}
}

// Version is one text of a policy.
type Version struct {
	Number    int
	Document  string
	CreatedAt engine.Time
}

// BuiltIn stands for the account in the names of the managed policies that are there
// from the beginning.
const BuiltIn = "aws"

// ARN is the policy's name where it is attached.
func (p *Policy) ARN(o arn.Owner) string {
	if p.BuiltIn {
		o.Account = BuiltIn
	}
	return ARN(o, "policy", p.Path, p.Name)
}

// Version gives a version by its number.
func (p *Policy) Version(number int) (Version, bool) {
	for _, v := range p.Versions {
		if v.Number == number {
			return v, true
		}
	}
	return Version{}, false
}

// Document is the text that counts.
func (p *Policy) Document() string {
	v, _ := p.Version(p.Default)
	return v.Document
}

// SortKey is what lists of policies are sorted by.
func (p *Policy) SortKey() collection.Folded { return collection.Fold(p.Name) }

func (p *Policy) code(c *pack.Coder) {
	codeTexts(c, &p.Name, &p.Path, &p.ID, &p.Description)
	p.CreatedAt.Code(c)
	p.UpdatedAt.Code(c)
	collection.CodeTags(c, &p.Tags)
	pack.List(c, &p.Versions, (*Version).code)
	pack.Unsigned(c, &p.Default)
	pack.Unsigned(c, &p.Last)
}

func (v *Version) code(c *pack.Coder) {
	pack.Unsigned(c, &v.Number)
	c.Text(&v.Document)
	v.CreatedAt.Code(c)
}
