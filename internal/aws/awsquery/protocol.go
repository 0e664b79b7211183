package awsquery

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
)

// Name is what rows call the protocol.
const Name = "query"

// BodyMax is how many bytes the parameters of a call have at most: a policy of
// the largest size, with every character escaped, and room besides.
const BodyMax = 256 << 10

// Protocol implements operation.Protocol. APIs are told apart by their versions.
type Protocol struct {
	mounted map[name]*operation.Mounted
	models  map[string]*operation.Model // by their versions
}

type name struct{ version, action string }

// New is the protocol, without operations.
func New() *Protocol {
	return &Protocol{map[name]*operation.Mounted{}, map[string]*operation.Model{}}
}

// Name implements operation.Protocol.
func (*Protocol) Name() string { return Name }

// Mount implements operation.Protocol.
func (p *Protocol) Mount(m *operation.Mounted) {
	model := &m.API.Model
	if known := p.models[model.Version]; known != nil && known.Namespace != model.Namespace {
		panic(fmt.Sprintf("awsquery: two APIs of version %q", model.Version))
	}
	p.models[model.Version] = model
	n := name{model.Version, m.Name}
	if p.mounted[n] != nil {
		panic(fmt.Sprintf("awsquery: two rows for %q of version %q", n.action, n.version))
	}
	p.mounted[n] = m
}

// Claims implements operation.Protocol.
func (*Protocol) Claims(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost:
		form, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		return err == nil && form == "application/x-www-form-urlencoded" && r.Header.Get("X-Amz-Target") == ""
	case http.MethodGet:
		return strings.Contains("&"+r.URL.RawQuery, "&Action=")
	}
	return false
}

// Find implements operation.Protocol.
func (p *Protocol) Find(c *operation.Call) (*operation.Mounted, error) {
	if err := c.ReadBody(BodyMax); err != nil {
		return nil, err
	}
	params, err := parse(c.Request, c.Body)
	if err != nil {
		return nil, err
	}
	c.Found = params
	n := name{params.Get("Version"), params.Get("Action")}
	c.Model = p.models[n.version]
	if m := p.mounted[n]; m != nil {
		return m, nil
	}
	if n.action == "" {
		return nil, fault.Of(fault.MissingOperation, "The request is missing an action")
	}
	const most = 128 // of what is sent back
	return nil, fault.Of(fault.UnknownOperation, fmt.Sprintf("Could not find operation %.*s for version %.*s", most, n.action, most, n.version))
}

// WriteAnswer implements operation.Protocol.
func (*Protocol) WriteAnswer(w http.ResponseWriter, c *operation.Call, a *operation.Answer) error {
	called := c.Operation.Name
	var x XML
	x.b.WriteString("<" + called + `Response xmlns="` + c.Model.Namespace + `">`)
	if !a.NoOutput {
		x.Element(called+"Result", func() { x.b.Write(a.Body) })
	}
	x.Element("ResponseMetadata", func() { x.Text("RequestId", c.RequestID) })
	x.b.WriteString("</" + called + "Response>\n")
	return write(w, c.RequestID, http.StatusOK, x.b.Bytes())
}

func write(w http.ResponseWriter, requestID string, status int, body []byte) error {
	h := w.Header()
	h["Content-Type"] = []string{"text/xml"}
	h["x-amzn-RequestId"] = []string{requestID}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// spelling is what faults of every service are called on the wire.
var spelling = map[fault.Kind]struct {
	code    string
	status  int    // zero: 400
	message string // empty: the fault's own
}{
	fault.Validation:          {"ValidationError", 0, ""},
	fault.Serialization:       {"MalformedInput", 0, ""},
	fault.BrokenBody:          {"RequestTimeout", 0, ""},
	fault.UnknownOperation:    {"InvalidAction", 0, ""},
	fault.MissingOperation:    {"MissingAction", 0, ""},
	fault.Internal:            {"InternalFailure", http.StatusInternalServerError, "The request processing has failed because of an internal error."},
	fault.Throttling:          {"Throttling", 0, ""},
	fault.Unavailable:         {"ServiceUnavailable", http.StatusServiceUnavailable, ""},
	fault.TooLarge:            {"RequestEntityTooLarge", http.StatusRequestEntityTooLarge, "The request is too large"},
	fault.AccessDenied:        {"AccessDenied", http.StatusForbidden, ""},
	fault.Unsigned:            {"MissingAuthenticationToken", http.StatusForbidden, ""},
	fault.IncompleteSignature: {"IncompleteSignature", 0, ""},
	fault.UnknownKey:          {"InvalidClientTokenId", http.StatusForbidden, ""},
	fault.BadSignature:        {"SignatureDoesNotMatch", http.StatusForbidden, ""},
	fault.ExpiredToken:        {"ExpiredToken", http.StatusForbidden, ""},
}

// Spell implements operation.Protocol.
func (*Protocol) Spell(f *fault.Fault) {
	s := spelling[f.Kind]
	f.Code = s.code
	if f.Status == 0 {
		f.Status = s.status
	}
	if s.message != "" {
		f.Message = s.message
	}
}

// faultNamespace is that of faults for calls of no API.
const faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// WriteFault implements operation.Protocol.
func (*Protocol) WriteFault(w http.ResponseWriter, c *operation.Call, f *fault.Fault) error {
	namespace, status, blame := faultNamespace, f.Status, "Sender"
	if c.Model != nil {
		namespace = c.Model.Namespace
	}
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	var x XML
	x.b.WriteString(`<ErrorResponse xmlns="` + namespace + `">`)
	x.Element("Error", func() {
		x.Text("Type", blame)
		x.Text("Code", f.Code)
		x.Text("Message", f.Message)
		for _, m := range f.Members {
			x.Text(m.Name, fmt.Sprint(m.Value))
		}
	})
	x.Text("RequestId", c.RequestID)
	x.b.WriteString("</ErrorResponse>\n")
	return write(w, c.RequestID, status, x.b.Bytes())
}
