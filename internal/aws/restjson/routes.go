package restjson

import (
	"net/url"
	"strings"

	"heddle/internal/aws/operation"
)

// Label is a part of a path that a pattern leaves open, decoded.
type Label struct{ Name, Value string }

// routes find operations by paths. Each part of a path is a step down; a step by the
// part's own text goes before one by a label, and that before a greedy label, which takes
// all that is left.
type routes struct {
	literal map[string]*routes
	label   *routes
	greedy  map[string]route // by method
	here    map[string]route // by method
}

// route is where a pattern ends.
type route struct {
	mounted *operation.Mounted
	labels  []string // their names, in order of the path
}

// add adds a pattern such as /v1/sets/{SetId}/files/{Name+}. It tells whether the
// pattern could be told apart from those that are there.
func (r *routes) add(method, pattern string, m *operation.Mounted) bool {
	if strings.Contains(pattern, "?") || strings.Contains(pattern, "+}/") {
		panic("restjson: patterns with query parts, or with more after a greedy label, are not known here: " + pattern)
	}
	var labels []string
	for _, part := range strings.Split(strings.TrimPrefix(pattern, "/"), "/") {
		name, open := strings.CutPrefix(part, "{")
		if !open {
			r = r.literally(part)
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if all, greedy := strings.CutSuffix(name, "+"); greedy {
			return put(&r.greedy, method, route{m, append(labels, all)})
		}
		labels = append(labels, name)
		if r.label == nil {
			r.label = &routes{}
		}
		r = r.label
	}
	return put(&r.here, method, route{m, labels})
}

func (r *routes) literally(part string) *routes {
	if r.literal == nil {
		r.literal = map[string]*routes{}
	}
	if r.literal[part] == nil {
		r.literal[part] = &routes{}
	}
	return r.literal[part]
}

func put(to *map[string]route, method string, r route) bool {
	if *to == nil {
		*to = map[string]route{}
	}
	_, taken := (*to)[method]
	(*to)[method] = r
	return !taken
}

// find finds the operation of a path, as it came: each part is decoded once, after the
// path was cut, so that what is a slash only when it is decoded cuts nothing. Known tells
// whether the path has an operation by another method.
func (r *routes) find(method, escaped string) (m *operation.Mounted, labels []Label, known bool) {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, part := range parts {
		decoded, err := url.PathUnescape(part)
		if err != nil {
			return nil, nil, false
		}
		parts[i] = decoded
	}
	found, values, known := r.walk(method, parts, nil)
	if found == nil {
		return nil, nil, known
	}
	for i, name := range found.labels {
		labels = append(labels, Label{name, values[i]})
	}
	return found.mounted, labels, true
}

// walk goes down the parts of a path.
func (r *routes) walk(method string, parts, values []string) (found *route, _ []string, known bool) {
	if len(parts) == 0 {
		end, ok := r.here[method]
		if ok {
			return &end, values, true
		}
		return nil, nil, len(r.here) > 0
	}
	part, rest := parts[0], parts[1:]
	if next := r.literal[part]; next != nil {
		if found, all, here := next.walk(method, rest, values); found != nil {
			return found, all, true
		} else {
			known = known || here
		}
	}
	if r.label != nil && part != "" {
		if found, all, here := r.label.walk(method, rest, append(values, part)); found != nil {
			return found, all, true
		} else {
			known = known || here
		}
	}
	if end, ok := r.greedy[method]; ok && part != "" {
		return &end, append(values, strings.Join(parts, "/")), true
	}
	return nil, nil, known || len(r.greedy) > 0
}
