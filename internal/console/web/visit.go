package web

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/console/ui"
	"heddle/internal/console/view"
	"heddle/internal/iam/account"
)

// page is one page, or something that one does: where it is, as http.ServeMux has it, and
// how it answers.
type page struct {
	route string
	show  func(*visit) (*answer, error)
}

// answer is what a page answers with: a template of package ui with what it shows, another
// place to go to, or a file.
type answer struct {
	template string
	view     any
	// fragment is the part of the template that htmx asks for; empty: all.
	fragment string
	status   int // zero: 200

	to string // where to go, after something was done

	name, kind string // of a file
	body       []byte
}

// shows answers with a page.
func shows(template string, view any) *answer { return &answer{template: template, view: view} }

// refreshes answers with a page whose script reads its part "live" anew while it is looked at.
func refreshes(template string, view any) *answer {
	return &answer{template: template, view: view, fragment: "live"}
}

// goesTo answers by leading elsewhere, where it is told what was done, by its name in doings.
func goesTo(path, done string) *answer {
	if done != "" {
		path += "?done=" + url.QueryEscape(done)
	}
	return &answer{to: path}
}

// visit is one request of somebody who has signed in.
type visit struct {
	*Console
	*http.Request
	who     *account.Caller
	caller  operation.Caller
	Region  string
	Domain  string
	session *session // nil: nobody signs in here
}

// visit finds out who asks. Errors: errEnded.
func (c *Console) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{Console: c, Request: r, who: c.Anyone, Region: c.Region}
	if c.Anyone == nil {
		if v.session = c.sessionOf(r); v.session == nil {
			return nil, errEnded
		}
		var err error
		if v.who, err = c.standing(r.Context(), v.session); err != nil {
			return nil, err
		}
		// What a page asks for by itself is no sign that somebody is there.
		if now := c.Now(); now.Sub(v.session.seen) >= seenEvery && !isPartial(r) {
			v.session.seen = now
			if err := c.setSession(w, r, v.session); err != nil {
				return nil, err
			}
		}
	}
	if region := r.PathValue("region"); region != "" {
		if !operation.IsRegion(region) {
			return v, &fault.Fault{Code: "UnknownResource", Message: "There is no region of that name."}
		}
		v.Region = region
	}
	v.Domain = v.named("domain")
	// As the one whose call it is: his address, and our name. His cookie is nobody's business.
	asked := r.Clone(r.Context())
	asked.Header.Set("User-Agent", Agent)
	asked.Header.Del("Referer")
	asked.Header.Del("Cookie")
	v.caller = c.CallerOf(v.who, v.Region, asked)
	return v, nil
}

// stands finds out again, of a visit that has waited, who asks and whether he still may. Errors:
// errEnded.
func (v *visit) stands() (err error) {
	if v.session == nil {
		return nil
	}
	if v.who, err = v.standing(v.Context(), v.session); err == nil {
		v.caller = v.CallerOf(v.who, v.Region, v.caller.Request)
	}
	return err
}

// named is a name in the path.
func (v *visit) named(wildcard string) string { return view.Name(v.PathValue(wildcard)) }

// call calls an action as the visitor, by the road of all calls.
func call[Out any](v *visit, service, action string, in any) (*Out, error) {
	out, err := v.Calls.Call(v.Context(), &v.caller, service, action, in)
	if err != nil {
		return nil, err
	}
	typed, ok := out.(*Out)
	if !ok {
		return nil, fmt.Errorf("call %s: the answer is a %T", action, out)
	}
	return typed, nil
}

// barred tells why the visitor may not call an action; empty: he may.
func (v *visit) barred(service, action string, in any) string {
	err := v.Calls.Permits(v.Context(), &v.caller, service, action, in)
	if f, ok := errors.AsType[*fault.Fault](err); ok && isDenial(f) {
		return f.Message
	}
	return ""
}

// isDenial tells whether a fault says that the caller may not.
func isDenial(f *fault.Fault) bool {
	status, _ := statusOf(f)
	return status == http.StatusForbidden
}

// denied tells whether an error says that the visitor may not.
func denied(err error) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && isDenial(f)
}

// pathOf is the path of a page.
var pathOf = view.Path

// Frame is what all pages have around them. A view has it first.
type Frame struct {
	Title    string
	Nonce    string
	Region   string
	Domain   string
	Who      string // empty: nobody has signed in
	Trusting bool   // nobody signs in here
	Sections []sectionLink
	Done     string // what was done just now
}

// section is a line of the navigation.
type section struct {
	name, icon string
	path       string // behind the region, or the domain
	ofDomain   bool
}

// sections are the navigation, those of a region before those of a domain. A page of a section has its path, or one below.
var sections = []section{
	{"Domains", "domains", "", false},
	{"State machines", "machines", "-states/machines", false},
	{"Server", "server", "-server", false},
	{"Refusals", "refusals", "-refusals", false},
	{"Open a file", "file", "-file", false},
	{"Overview", "overview", "", true},
	{"Executions", "executions", "executions", true},
	{"Types", "types", "types", true},
	{"Task lists", "lists", "lists", true},
}

type sectionLink struct {
	Name, Icon, Path string
	Here             bool
	OfDomain         bool
}

// doings are what pages do, in words for who comes back from it.
var doings = map[string]string{
	"started": "The execution was started.", "signaled": "The signal was sent.", "asked": "Its decider is asked to cancel it.", "terminated": "The execution was terminated.",
	"batch-started": "The batch has begun.", "batch-stopped": "The batch was stopped.",
	"map-run-changed": "The map run was changed.", "stopped": "The execution was stopped.", "redriven": "The execution goes on.",
	"domain-registered": "The domain was registered.", "domain-deprecated": "The domain was deprecated.", "domain-undeprecated": "The domain is registered again.",
	"type-registered": "The type was registered.", "type-deprecate": "The type was deprecated.", "type-undeprecate": "The type is registered again.", "type-delete": "The type was deleted.",
}

// frameOf is the frame of a request's page; the visit is nil of who has not signed in.
func (c *Console) frameOf(r *http.Request, v *visit) Frame {
	f := Frame{Nonce: nonceOf(r), Trusting: c.Anyone != nil, Done: doings[r.URL.Query().Get("done")]}
	if v == nil || v.caller.Account == "" {
		return f
	}
	f.Region, f.Domain = v.Region, v.Domain
	_, f.Who, _ = strings.Cut(v.who.Principal.ARN, ":"+v.who.Account+":")
	if v.who.Principal.Session != "" {
		_, f.Who, _ = strings.Cut(v.who.Principal.Session, ":"+v.who.Account+":")
	}
	for _, s := range sections {
		l := sectionLink{Name: s.name, Icon: s.icon, OfDomain: s.ofDomain}
		switch {
		case !s.ofDomain:
			l.Path = pathOf(v.Region) + "/" + s.path
		case v.Domain == "":
			continue
		case s.path == "":
			l.Path = pathOf(v.Region, v.Domain)
		default:
			l.Path = pathOf(v.Region, v.Domain, s.path)
		}
		here := r.URL.EscapedPath()
		l.Here = here == l.Path || s.path != "" && strings.HasPrefix(here, l.Path+"/")
		f.Sections = append(f.Sections, l)
	}
	return f
}

// frame is that of the visit's page.
func (v *visit) frame(title string) Frame {
	f := v.frameOf(v.Request, v)
	f.Title = title
	return f
}

// templates are the pages, each with the frame, by the names of their files.
var templates = ui.Templates(template.FuncMap{
	"path": pathOf, "machine": view.MachinePath, "child": view.ExecutionPath, "execution": pathOfExecution, "text": text, "moment": momentOf, "age": ageOf, "number": number, "milliseconds": milliseconds, "count": counted, "status": statusWord, "short": short, "doing": func(action string) string { return doingOf(action).Says }, "args": args,
}, view.Templates)
