// Package httptask makes the requests of HTTP tasks (http:invoke): what the state gives and
// what the connection adds become one request, and its answer the output of the task. So it does
// those of tasks that call APIs of API Gateway (apigateway:invoke).
//
// Sources: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows";
// EventBridge API Reference, CreateConnection.
package httptask

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heddle/internal/events/connection"
	"heddle/jsonvalue"
)

// Request is what an HTTP task asks for.
type Request struct {
	Endpoint      string
	Method        string
	ConnectionARN string

	headers http.Header
	query   []pair
	body    any // absent, a text, or any JSON
	hasBody bool
	form    bool
	arrays  string // format of arrays in a form
}

type pair struct{ key, value string }

// Error is how an HTTP task fails.
type Error struct{ Name, Cause string }

func (e *Error) Error() string { return e.Name + ": " + e.Cause }

// Names of errors.
const (
	Runtime         = "States.Runtime"
	Socket          = "States.Http.Socket"
	StatusCode      = "States.Http.StatusCode."
	DataLimit       = "States.DataLimitExceeded"
	NoConnection    = "Events.ConnectionResource.ResourceNotFound"
	Denied          = "Events.ConnectionResource.AccessDenied"
	NotAuthorized   = "Events.ConnectionResource.InvalidConnectionState"
	ConnectionFault = "Events.ConnectionResource.InternalError"
)

func wrong(format string, args ...any) *Error { return &Error{Runtime, fmt.Sprintf(format, args...)} }

var methods = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"}

// reserved are headers that a state may not give; so are those that begin with one of
// reservedPrefixes.
var reserved = strings.Fields(`A-IM Accept-Charset Accept-Datetime Accept-Encoding Authorization Cache-Control Connection Content-Encoding Content-MD5 Date Expect
	Forwarded From Host HTTP2-Settings If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Max-Forwards Origin Pragma Proxy-Authorization
	Referer Server TE Trailer Transfer-Encoding Upgrade Via Warning`)

var reservedPrefixes = []string{"x-forwarded-", "x-amz-", "x-amzn-"}

func isReserved(name string) bool {
	return slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }) ||
		slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) })
}

// arrayFormats are how arrays stand in forms.
var arrayFormats = []string{"INDICES", "REPEAT", "COMMAS", "BRACKETS"}

// Parse reads the parameters of an HTTP task. Errors: *Error.
func Parse(parameters *jsonvalue.Object) (*Request, error) {
	r := &Request{headers: http.Header{}, arrays: arrayFormats[0]}
	var ok bool
	if r.Endpoint, ok = text(parameters, "ApiEndpoint"); !ok {
		return nil, wrong("The field 'ApiEndpoint' is required and must be a string")
	}
	u, err := url.Parse(r.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil, wrong("The ApiEndpoint must be a URL that begins with https://")
	}
	if r.Method, ok = text(parameters, "Method"); !ok || !slices.Contains(methods, r.Method) {
		return nil, wrong("The field 'Method' must be one of %s", strings.Join(methods, ", "))
	}
	for _, in := range []string{"Authentication", "InvocationConfig"} {
		if o, ok := object(parameters, in); ok {
			if r.ConnectionARN, ok = text(o, "ConnectionArn"); !ok {
				return nil, wrong("The field 'ConnectionArn' is required in %s and must be a string", in)
			}
		}
	}
	if r.ConnectionARN == "" {
		return nil, wrong("The field 'Authentication' or 'InvocationConfig' is required, with a ConnectionArn")
	}
	if err := r.parseParts(parameters, isReserved); err != nil {
		return nil, err
	}
	return r, r.parseTransform(parameters)
}

// parseParts reads headers, of which some are not the state's to give, query and body.
func (r *Request) parseParts(parameters *jsonvalue.Object, isReserved func(string) bool) error {
	if err := r.parseHeaders(parameters, isReserved); err != nil {
		return err
	}
	if v, ok := parameters.Get("QueryParameters"); ok && v != nil {
		o, ok := v.(*jsonvalue.Object)
		if !ok {
			return wrong("The field 'QueryParameters' must be an object")
		}
		for name, v := range o.All() {
			values, err := texts("QueryParameters", name, v)
			if err != nil {
				return err
			}
			for _, v := range values {
				r.query = append(r.query, pair{name, v})
			}
		}
	}
	r.body, r.hasBody = parameters.Get("RequestBody")
	return nil
}

func (r *Request) parseHeaders(parameters *jsonvalue.Object, isReserved func(string) bool) error {
	v, ok := parameters.Get("Headers")
	if !ok || v == nil {
		return nil
	}
	o, ok := v.(*jsonvalue.Object)
	if !ok {
		return wrong("The field 'Headers' must be an object")
	}
	for name, v := range o.All() {
		if isReserved(name) {
			return wrong("The header '%s' can't be given", name)
		}
		if !validName(name) {
			return wrong("The header '%s' is no name of a header", name)
		}
		values, err := texts("Headers", name, v)
		if err != nil {
			return err
		}
		for _, value := range values {
			if !validValue(value) {
				return wrong("The value of the header '%s' has characters that headers can't have", name)
			}
			r.headers.Add(name, value)
		}
	}
	return nil
}

func (r *Request) parseTransform(parameters *jsonvalue.Object) error {
	transform, ok := object(parameters, "Transform")
	if !ok {
		return nil
	}
	switch encoding, given := transform.Get("RequestBodyEncoding"); {
	case !given, encoding == "NONE":
		return nil
	case encoding != "URL_ENCODED":
		return wrong("The field 'RequestBodyEncoding' must be NONE or URL_ENCODED")
	}
	r.form = true
	if options, ok := object(transform, "RequestEncodingOptions"); ok {
		if format, given := options.Get("ArrayFormat"); given {
			said, _ := format.(string)
			if !slices.Contains(arrayFormats, said) {
				return wrong("The field 'ArrayFormat' must be one of %s", strings.Join(arrayFormats, ", "))
			}
			r.arrays = said
		}
	}
	return nil
}

// validName tells whether a text can be the name of a header (RFC 9110, token).
func validName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

func validValue(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

func text(o *jsonvalue.Object, name string) (string, bool) {
	v, _ := o.Get(name)
	s, ok := v.(string)
	return s, ok && s != ""
}

func object(o *jsonvalue.Object, name string) (*jsonvalue.Object, bool) {
	v, _ := o.Get(name)
	found, ok := v.(*jsonvalue.Object)
	return found, ok
}

// texts are the values of a header or query parameter: one, or a list of them.
func texts(field, name string, v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var all []string
	for _, v := range list {
		switch v.(type) {
		case []any, *jsonvalue.Object:
			return nil, wrong("The values of '%s' in %s must be texts, numbers or booleans", name, field)
		}
		all = append(all, scalar(v))
	}
	return all, nil
}

// scalar is a value that is no list and no object as requests have it.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return jsonvalue.Text(v)
}

// add merges what the connection adds to each request; where both have a key, the
// connection's value stands.
func (r *Request) add(a *connection.Additions) error {
	for _, p := range a.HeaderParameters {
		r.headers.Set(p.Key, p.Value)
	}
	for _, p := range a.QueryStringParameters {
		r.query = slices.DeleteFunc(r.query, func(q pair) bool { return q.key == p.Key })
	}
	for _, p := range a.QueryStringParameters {
		r.query = append(r.query, pair{p.Key, p.Value})
	}
	if len(a.BodyParameters) == 0 {
		return nil
	}
	merged := jsonvalue.NewObject(len(a.BodyParameters))
	switch given := r.body.(type) {
	case nil:
	case *jsonvalue.Object:
		for name, v := range given.All() {
			merged.Set(name, v)
		}
	default:
		return wrong("The RequestBody must be an object, as the connection has parameters of the body")
	}
	for _, p := range a.BodyParameters {
		merged.Set(p.Key, p.Value)
	}
	r.body, r.hasBody = merged, true
	return nil
}

// encoded gives the body and its content type; nil: there is none.
func (r *Request) encoded() (body []byte, contentType string, err error) {
	if !r.hasBody {
		return nil, "", nil
	}
	if s, ok := r.body.(string); ok && r.form {
		return []byte(s), formType, nil // it is encoded already
	}
	if !r.form {
		return []byte(jsonvalue.Text(r.body)), "application/json; charset=UTF-8", nil
	}
	o, ok := r.body.(*jsonvalue.Object)
	if !ok {
		return nil, "", wrong("The RequestBody must be an object to be URL-encoded")
	}
	f := form{arrays: r.arrays}
	for name, v := range o.All() {
		f.add(name, v)
	}
	return []byte(strings.Join(f.pairs, "&")), formType, nil
}

const formType = "application/x-www-form-urlencoded"

type form struct {
	arrays string
	pairs  []string
}

func (f *form) add(key string, v any) {
	switch v := v.(type) {
	case *jsonvalue.Object:
		for name, v := range v.All() {
			f.add(key+"["+name+"]", v)
		}
	case []any:
		if f.arrays == "COMMAS" {
			var all []string
			for _, v := range v {
				all = append(all, escape(scalar(v)))
			}
			f.pairs = append(f.pairs, escape(key)+"="+strings.Join(all, ","))
			return
		}
		for i, v := range v {
			switch f.arrays {
			case "INDICES":
				f.add(key+"["+strconv.Itoa(i)+"]", v)
			case "BRACKETS":
				f.add(key+"[]", v)
			default:
				f.add(key, v)
			}
		}
	default:
		f.pairs = append(f.pairs, escape(key)+"="+escape(scalar(v)))
	}
}

// escape encodes a blank as %20, as the service does.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// queryText is the query as URLs have it; "": there is none.
func (r *Request) queryText() string {
	var all []string
	for _, p := range r.query {
		all = append(all, escape(p.key)+"="+escape(p.value))
	}
	return strings.Join(all, "&")
}

// target is the URL with its query.
func (r *Request) target() string {
	query := r.queryText()
	if query == "" {
		return r.Endpoint
	}
	at, _, _ := strings.Cut(r.Endpoint, "#") // what is behind it is not for the server
	mark := "?"
	if strings.Contains(at, "?") {
		mark = "&"
	}
	return at + mark + query
}
