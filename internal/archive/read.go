package archive

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"heddle/internal/bucket"
	"heddle/internal/bucket/place"
)

// Query says which executions are read. What is empty does not count; all others must hold.
type Query struct {
	Service, Account, Region, In string
	From, To                     time.Time // days on which they closed, both included
	ID, Run                      string    // Run is a runId or an execution's ARN
	Status, Type, Tag            string
}

func (q *Query) fits(e *Execution) bool {
	return (q.ID == "" || q.ID == e.ID) && (q.Run == "" || q.Run == e.Run || q.Run == e.ARN) && (q.Status == "" || q.Status == e.Status) &&
		(q.Type == "" || q.Type == e.Type || strings.HasPrefix(e.Type, q.Type+" ")) && (q.Tag == "" || slices.Contains(e.Tags, q.Tag))
}

// fitsKey tells whether an object may have what is asked for.
func (q *Query) fitsKey(key string) bool {
	parts := strings.Split(key, "/")
	if len(parts) != 6 || !strings.HasSuffix(key, suffix) {
		return false
	}
	in, err := url.PathUnescape(parts[3])
	if err != nil {
		return false
	}
	for i, want := range []string{q.Service, q.Account, q.Region} {
		if want != "" && want != parts[i] {
			return false
		}
	}
	day := parts[4]
	return (q.In == "" || q.In == in) && (q.From.IsZero() || day >= q.From.UTC().Format(time.DateOnly)) && (q.To.IsZero() || day <= q.To.UTC().Format(time.DateOnly))
}

// Line is an execution of an archive.
type Line struct {
	Execution
	Events json.RawMessage `json:"events"`
}

// Read visits executions of an archive, each once, those of a domain or state machine together
// and by the day on which they closed, until visit says no. In memory are a line, and the names of
// what closed on one day.
func Read(ctx context.Context, p *place.Place, q Query, visit func(*Line) (bool, error)) error {
	prefix := ""
	for _, part := range []string{q.Service, q.Account, q.Region, url.PathEscape(q.In)} {
		if part == "" {
			break
		}
		prefix += part + "/"
	}
	partition, seen := "", map[string]bool{}
	var failed error
	err := p.Each(ctx, prefix, "", func(o bucket.Object) bool {
		if !q.fitsKey(o.Key) {
			return true
		}
		if of := o.Key[:strings.LastIndexByte(o.Key, '/')]; of != partition {
			partition, seen = of, map[string]bool{}
		}
		goesOn := true
		goesOn, failed = readObject(ctx, p, o.Key, func(l *Line) (bool, error) {
			if key := l.key(); seen[key] || !q.fits(&l.Execution) {
				return true, nil
			}
			seen[l.key()] = true
			return visit(l)
		})
		return goesOn && failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("read archive %q: %w", p.Location, err)
	}
	return nil
}

func readObject(ctx context.Context, p *place.Place, key string, visit func(*Line) (bool, error)) (goesOn bool, err error) {
	r, err := p.Read(ctx, key)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	zip, err := gzip.NewReader(bufio.NewReaderSize(r, 1<<20))
	if err != nil {
		return false, fmt.Errorf("%q: %w", key, err)
	}
	for lines := json.NewDecoder(zip); ; {
		var l Line
		if err := lines.Decode(&l); err == io.EOF {
			return true, nil
		} else if err != nil {
			return false, fmt.Errorf("%q: %w", key, err)
		}
		if goesOn, err := visit(&l); !goesOn || err != nil {
			return false, err
		}
	}
}
