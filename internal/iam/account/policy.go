package account

import (
	"heddle/internal/engine"
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

// Version is one text of a policy.
type Version struct {
	Number    int
	Document  string
	CreatedAt engine.Time
}

// ARN is the policy's name where it is attached.
func (p *Policy) ARN(account string) string {
	if p.BuiltIn {
		account = "aws"
	}
	return ARN(account, "policy", p.Path, p.Name)
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

func (p *Policy) shelved() string { return p.Name }

func packPolicy(b []byte, p *Policy) []byte {
	for _, s := range [...]string{p.Name, p.Path, p.ID, p.Description} {
		b = pack.Text(b, s)
	}
	b = pack.Int(b, int64(p.CreatedAt))
	b = pack.Int(b, int64(p.UpdatedAt))
	b = packTags(b, p.Tags)
	b = pack.Uint(b, uint64(len(p.Versions)))
	for _, v := range p.Versions {
		b = pack.Uint(b, uint64(v.Number))
		b = pack.Int(pack.Text(b, v.Document), int64(v.CreatedAt))
	}
	b = pack.Uint(b, uint64(p.Default))
	return pack.Uint(b, uint64(p.Last))
}

func readPolicy(r *pack.Reader) *Policy {
	p := &Policy{}
	for _, s := range [...]*string{&p.Name, &p.Path, &p.ID, &p.Description} {
		*s = r.Text()
	}
	p.CreatedAt = engine.Time(r.Int())
	p.UpdatedAt = engine.Time(r.Int())
	p.Tags = readTags(r)
	for range r.Count() {
		p.Versions = append(p.Versions, Version{int(r.Uint()), r.Text(), engine.Time(r.Int())})
	}
	p.Default = int(r.Uint())
	p.Last = int(r.Uint())
	return p
}
