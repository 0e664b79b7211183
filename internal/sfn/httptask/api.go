package httptask

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heddle/jsonvalue"
)

// API is what a task asks of an API of API Gateway (Step Functions Developer Guide, "Create API
// Gateway REST APIs with Step Functions").
type API struct {
	Request
	ID     string // of the API
	Region string // of the API
	Stage  string // "": the default one
	Signed bool   // it shows who calls
	Shared bool   // it is sent where other APIs are, too: its Host says which is meant
	path   string // escaped, with a slash before it; "": none
}

// Names of errors of such tasks.
const (
	APIStatus = "ApiGateway."
	APIClient = "ApiGateway.SdkClientException"
)

var (
	apiEndpoint = regexp.MustCompile(`^([0-9a-z]+)\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`)
	apiStage    = regexp.MustCompile(`^(\$default|[A-Za-z0-9_-]{1,128})$`)
)

// reservedByAPIs are headers that such a task may not give; so are those that begin with one of
// reservedPrefixes.
var reservedByAPIs = strings.Fields(`Authorization Connection Content-MD5 Expect Host Max-Forwards Proxy-Authenticate Server TE Transfer-Encoding Trailer Upgrade Via WWW-Authenticate`)

// ParseAPI reads the parameters of a task that calls an API. Errors: *Error.
func ParseAPI(parameters *jsonvalue.Object) (*API, error) {
	a := &API{Request: Request{headers: http.Header{}}}
	var ok bool
	if a.Endpoint, ok = text(parameters, "ApiEndpoint"); !ok {
		return nil, wrong("The field 'ApiEndpoint' is required and must be a string")
	}
	parts := apiEndpoint.FindStringSubmatch(a.Endpoint)
	if parts == nil {
		return nil, wrong("The ApiEndpoint must be the hostname of an API: <API ID>.execute-api.<region>.amazonaws.com")
	}
	a.ID, a.Region = parts[1], parts[2]
	if a.Method, ok = text(parameters, "Method"); !ok || !slices.Contains(methods, a.Method) {
		return nil, wrong("The field 'Method' must be one of %s", strings.Join(methods, ", "))
	}
	if a.Stage, ok = text(parameters, "Stage"); ok && !apiStage.MatchString(a.Stage) {
		return nil, wrong("The field 'Stage' is no name of a stage")
	}
	path, _ := text(parameters, "Path")
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			plain = part
		}
		if plain == "." || plain == ".." {
			return nil, wrong("The Path can't have parts that are . or ..")
		}
		if part != "" {
			a.path += "/" + url.PathEscape(plain)
		}
	}
	switch kind, given := parameters.Get("AuthType"); {
	case !given, kind == nil, kind == "NO_AUTH":
	case kind == "IAM_ROLE", kind == "RESOURCE_POLICY":
		a.Signed = true
	default:
		return nil, wrong("The field 'AuthType' must be one of NO_AUTH, IAM_ROLE, RESOURCE_POLICY")
	}
	return a, a.parseParts(parameters, func(name string) bool {
		return slices.ContainsFunc(reservedByAPIs, func(r string) bool { return strings.EqualFold(r, name) }) ||
			slices.ContainsFunc([]string{"x-forwarded", "x-amz"}, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) })
	})
}

// Resource is what policies call what the task asks for, behind the account.
func (a *API) Resource() string {
	stage := a.Stage
	if stage == "" {
		stage = "$default"
	}
	return a.ID + "/" + stage + "/" + a.Method + a.path
}

// Sign shows in a request with a body who sends it.
type Sign func(q *http.Request, body []byte) error

// Do sends the request to where the API is, a URL, and gives the output of the task. Errors as
// those of the other Do.
func (a *API) Do(ctx context.Context, through http.RoundTripper, at string, sign Sign) (output *jsonvalue.Object, failed *Error, cause error) {
	unsent := func(err error) (*jsonvalue.Object, *Error, error) {
		return nil, &Error{APIClient, "Unable to execute HTTP request: the API could not be reached, or gave no answer"}, fmt.Errorf("call API %s: %w", a.ID, err)
	}
	var body []byte
	if s, ok := a.body.(string); ok {
		body = []byte(s)
	} else if a.hasBody && a.body != nil {
		body = []byte(jsonvalue.Text(a.body))
	}
	target := strings.TrimSuffix(at, "/")
	if a.Stage != "" && a.Stage != "$default" {
		target += "/" + a.Stage
	}
	if a.path == "" && target == strings.TrimSuffix(at, "/") {
		target += "/"
	}
	target += a.path
	if query := a.queryText(); query != "" {
		target += "?" + query
	}
	q, err := http.NewRequestWithContext(ctx, a.Method, target, bytes.NewReader(body))
	if err != nil {
		return unsent(err)
	}
	if body == nil {
		q.Body, q.ContentLength = nil, 0
	}
	q.Header = a.headers.Clone()
	if body != nil && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("User-Agent", "Amazon|StepFunctions|ApiGateway|"+a.Region)
	if a.Shared {
		q.Host = a.Endpoint
	}
	if a.Signed {
		if err := sign(q, body); err != nil {
			return unsent(err)
		}
	}
	answer, err := through.RoundTrip(q)
	if err != nil {
		return unsent(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax+1))
	switch {
	case err != nil:
		return unsent(err)
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, &Error{APIStatus + fmt.Sprint(answer.StatusCode), string(text[:min(len(text), answerBytesMax)])}, nil
	case len(text) > answerBytesMax:
		return nil, &Error{DataLimit, "The state/task 'apigateway' returned a result with a size exceeding the maximum number of bytes service limit."}, nil
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	return outputOf(answer, kind, bytes.ToValidUTF8(text, []byte("\ufffd")), func(name string) string { return name }), nil, nil
}
