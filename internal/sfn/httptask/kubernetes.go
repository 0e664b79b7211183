package httptask

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"heddle/jsonvalue"
)

// Cluster is what a task asks of the Kubernetes API of a cluster of EKS: eks:call, or eks:runJob
// (Step Functions Developer Guide, "Create and manage Amazon EKS clusters").
type Cluster struct {
	Request
	Name  string // of the cluster
	Host  string // of Endpoint, with its port
	path  string
	roots *x509.CertPool // that the cluster's certificate is of

	namespace string
	job       any // of eks:runJob
	logs      bool
	raw       bool // logs are texts, though they may be JSON
	logQuery  []pair
}

// Names of errors of such tasks.
const (
	ClusterStatus = "EKS."
	ClusterClient = "EKS.SdkClientException"
)

// Paths of jobs and pods.
const (
	jobsPath = "/apis/batch/v1/namespaces/%s/jobs"
	podsPath = "/api/v1/namespaces/%s/pods"
)

var (
	clusterName    = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)
	kubernetesName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

// ParseCall reads the parameters of eks:call. Errors: *Error.
func ParseCall(parameters *jsonvalue.Object) (*Cluster, error) {
	c, err := parseCluster(parameters)
	if err != nil {
		return nil, err
	}
	var ok bool
	if c.Method, ok = text(parameters, "Method"); !ok || c.Method == http.MethodOptions || !slices.Contains(methods, c.Method) {
		return nil, wrong("The field 'Method' must be one of GET, POST, PUT, DELETE, HEAD, PATCH")
	}
	if c.path, ok = text(parameters, "Path"); !ok || !strings.HasPrefix(c.path, "/") {
		return nil, wrong("The field 'Path' is required and must begin with /")
	}
	for part := range strings.SplitSeq(c.path, "/") {
		if plain, err := url.PathUnescape(part); err != nil || plain == "." || plain == ".." || strings.ContainsAny(part, "?#") {
			return nil, wrong("The Path can't have parts that are . or .., nor ? and #")
		}
	}
	return c, c.parseParts(parameters, isReserved)
}

// ParseJob reads the parameters of eks:runJob. Errors: *Error.
func ParseJob(parameters *jsonvalue.Object) (*Cluster, error) {
	c, err := parseCluster(parameters)
	if err != nil {
		return nil, err
	}
	c.namespace = "default"
	if given, ok := text(parameters, "Namespace"); ok {
		c.namespace = given
	}
	if !kubernetesName.MatchString(c.namespace) {
		return nil, wrong("The field 'Namespace' is no name of a namespace")
	}
	c.job, _ = parameters.Get("Job")
	if s, ok := c.job.(string); ok {
		if c.job, err = jsonvalue.ParseString(s); err != nil {
			return nil, wrong("The field 'Job' is no JSON")
		}
	}
	if _, ok := c.job.(*jsonvalue.Object); !ok {
		return nil, wrong("The field 'Job' is required and must be an object")
	}
	options, ok := object(parameters, "LogOptions")
	if !ok {
		return c, nil
	}
	for name, to := range map[string]*bool{"RetrieveLogs": &c.logs, "RawLogs": &c.raw} {
		v, _ := options.Get(name)
		*to = v == true
	}
	if query, ok := object(options, "LogParameters"); ok {
		for name, v := range query.All() {
			values, err := texts("LogParameters", name, v)
			if err != nil {
				return nil, err
			}
			for _, v := range values {
				c.logQuery = append(c.logQuery, pair{name, v})
			}
		}
	}
	return c, nil
}

func parseCluster(parameters *jsonvalue.Object) (*Cluster, error) {
	c := &Cluster{Request: Request{headers: http.Header{}}, roots: x509.NewCertPool()}
	var ok bool
	if c.Name, ok = text(parameters, "ClusterName"); !ok || !clusterName.MatchString(c.Name) {
		return nil, wrong("The field 'ClusterName' is required and must be the name of a cluster")
	}
	authority, _ := text(parameters, "CertificateAuthority")
	pem, err := base64.StdEncoding.DecodeString(authority)
	if err != nil || !c.roots.AppendCertsFromPEM(pem) {
		return nil, wrong("The field 'CertificateAuthority' is required and must be certificates in Base64")
	}
	c.Endpoint, _ = text(parameters, "Endpoint")
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return nil, wrong("The field 'Endpoint' is required and must be a URL that begins with https://")
	}
	c.Host = u.Host
	return c, nil
}

// IsOfEKS tells whether the endpoint is one of EKS: nobody else has such names.
func (c *Cluster) IsOfEKS() bool {
	name, port, err := net.SplitHostPort(c.Host)
	if err != nil {
		name, port = c.Host, "443"
	}
	return port == "443" && (strings.HasSuffix(name, ".eks.amazonaws.com") || strings.HasSuffix(name, ".eks.amazonaws.com.cn"))
}

// Talk sends requests to a cluster that is at a URL, with a token.
type Talk struct {
	At    string
	Token string
}

// answer is what a cluster answers.
type answer struct {
	status int
	text   []byte
	body   any // text, or what it says as JSON
}

// output is what the task gives of an answer.
func (a *answer) output() *jsonvalue.Object {
	status, _ := jsonvalue.ParseString(fmt.Sprint(a.status)) // a number
	o := jsonvalue.NewObject(3)
	o.Set("ResponseBody", a.body)
	o.Set("StatusCode", status)
	o.Set("StatusText", http.StatusText(a.status))
	return o
}

func (c *Cluster) send(ctx context.Context, t Talk, method, path string, query []pair, body []byte, header http.Header) (*answer, error) {
	q, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(t.At, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == nil {
		q.Body, q.ContentLength = nil, 0
	}
	q.URL.RawQuery = (&Request{query: query}).queryText()
	q.Header = header.Clone()
	if body != nil && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("Authorization", "Bearer "+t.Token)
	q.Header.Set("User-Agent", "Amazon|StepFunctions|Eks")
	// A transport of its own, as the cluster has an authority of its own.
	through := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.roots}, DisableKeepAlives: true, MaxResponseHeaderBytes: answerBytesMax}
	got, err := through.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(got.Body, answerBytesMax+1))
	if err != nil {
		return nil, err
	}
	a := &answer{got.StatusCode, bytes.ToValidUTF8(text, []byte("\ufffd")), nil}
	a.body = string(a.text)
	if strings.Contains(got.Header.Get("Content-Type"), "json") {
		if v, err := jsonvalue.Parse(text); err == nil {
			a.body = v
		}
	}
	return a, nil
}

// judged is an answer as the task has it: what went wrong is an Error.
func (c *Cluster) judged(a *answer, err error) (*answer, *Error, error) {
	switch {
	case err != nil:
		return nil, &Error{ClusterClient, "Unable to execute HTTP request: the cluster could not be reached, or gave no answer"}, fmt.Errorf("call cluster %s: %w", c.Name, err)
	case a.status < 200 || a.status > 299:
		return nil, &Error{ClusterStatus + fmt.Sprint(a.status), jsonvalue.Text(a.output())}, nil
	case len(a.text) > answerBytesMax:
		return nil, &Error{DataLimit, "The state/task 'eks' returned a result with a size exceeding the maximum number of bytes service limit."}, nil
	}
	return a, nil, nil
}

// Call does what eks:call asks for. Errors as those of Do.
func (c *Cluster) Call(ctx context.Context, t Talk) (output *jsonvalue.Object, failed *Error, cause error) {
	var body []byte
	if s, ok := c.body.(string); ok {
		body = []byte(s)
	} else if c.hasBody && c.body != nil {
		body = []byte(jsonvalue.Text(c.body))
	}
	header := c.headers
	if c.Method == http.MethodPatch && header.Get("Content-Type") == "" {
		header = header.Clone()
		header.Set("Content-Type", "application/merge-patch+json")
		if _, list := c.body.([]any); list {
			header.Set("Content-Type", "application/json-patch+json")
		}
	}
	a, failed, cause := c.judged(c.send(ctx, t, c.Method, c.path, c.query, body, header))
	if failed != nil {
		return nil, failed, cause
	}
	return a.output(), nil, nil
}

// Begin begins the job of eks:runJob, and gives the answer, and the job in it.
func (c *Cluster) Begin(ctx context.Context, t Talk) (output, job *jsonvalue.Object, failed *Error, cause error) {
	a, failed, cause := c.judged(c.send(ctx, t, http.MethodPost, fmt.Sprintf(jobsPath, c.namespace), nil, []byte(jsonvalue.Text(c.job)), http.Header{}))
	if failed != nil {
		return nil, nil, failed, cause
	}
	if job, _ = a.body.(*jsonvalue.Object); job == nil || nameOf(job) == "" {
		return nil, nil, &Error{ClusterClient, "The cluster's answer is no job"}, nil
	}
	return a.output(), job, nil, nil
}

// Job is what became of a job.
type Job struct {
	Ended, Good bool
	Output      *jsonvalue.Object // the job, with its logs if they are wanted
}

// Ask asks what became of a job that Begin began. Failed is Passing, if the question may be
// asked again.
func (c *Cluster) Ask(ctx context.Context, t Talk, begun *jsonvalue.Object) (job Job, failed *Error, cause error) {
	a, failed, cause := c.judged(c.send(ctx, t, http.MethodGet, fmt.Sprintf(jobsPath, c.namespace)+"/"+nameOf(begun), nil, nil, http.Header{}))
	if failed != nil {
		return job, failed, cause
	}
	o, _ := a.body.(*jsonvalue.Object)
	if o == nil {
		return job, &Error{ClusterClient, "The cluster's answer is no job"}, nil
	}
	status, _ := object(o, "status")
	if status != nil {
		list, _ := status.Get("conditions")
		conditions, _ := list.([]any)
		for _, v := range conditions {
			condition, _ := v.(*jsonvalue.Object)
			if condition == nil {
				continue
			}
			kind, _ := text(condition, "type")
			if holds, _ := text(condition, "status"); holds == "True" && (kind == "Complete" || kind == "Failed") {
				job.Ended, job.Good = true, kind == "Complete"
			}
		}
	}
	if job.Output = o; job.Ended && c.logs {
		o.Set("logs", c.logsOf(ctx, t, nameOf(begun)))
	}
	return job, nil, nil
}

func nameOf(o *jsonvalue.Object) string {
	if metadata, ok := object(o, "metadata"); ok {
		if name, _ := text(metadata, "name"); kubernetesName.MatchString(name) {
			return name
		}
	}
	return ""
}

// logsOf reads the logs of a job, as far as they can be read: of each container of each pod.
func (c *Cluster) logsOf(ctx context.Context, t Talk, job string) *jsonvalue.Object {
	pods := jsonvalue.NewObject(1)
	logs := jsonvalue.NewObject(1)
	logs.Set("pods", pods)
	a, failed, _ := c.judged(c.send(ctx, t, http.MethodGet, fmt.Sprintf(podsPath, c.namespace), []pair{{"labelSelector", "job-name=" + job}}, nil, http.Header{}))
	if failed != nil {
		setError(logs, failed)
		return logs
	}
	list, _ := a.body.(*jsonvalue.Object)
	if list == nil {
		return logs
	}
	items, _ := list.Get("items")
	all, _ := items.([]any)
	room := answerBytesMax // an output has no more
	for _, v := range all {
		pod, _ := v.(*jsonvalue.Object)
		if pod == nil || nameOf(pod) == "" {
			continue
		}
		spec, _ := object(pod, "spec")
		containers := jsonvalue.NewObject(1)
		if spec != nil {
			list, _ := spec.Get("containers")
			in, _ := list.([]any)
			for _, v := range in {
				if container, ok := v.(*jsonvalue.Object); ok && room > 0 {
					name, _ := text(container, "name")
					one, bytes := c.logOf(ctx, t, nameOf(pod), name)
					room -= bytes
					containers.Set(name, one)
				}
			}
		}
		of := jsonvalue.NewObject(1)
		of.Set("containers", containers)
		pods.Set(nameOf(pod), of)
	}
	return logs
}

func (c *Cluster) logOf(ctx context.Context, t Talk, pod, container string) (*jsonvalue.Object, int) {
	o := jsonvalue.NewObject(2)
	a, failed, _ := c.judged(c.send(ctx, t, http.MethodGet, fmt.Sprintf(podsPath, c.namespace)+"/"+pod+"/log", append([]pair{{"container", container}}, c.logQuery...), nil, http.Header{}))
	if failed != nil {
		setError(o, failed)
		return o, 0
	}
	var log any = string(a.text)
	if v, err := jsonvalue.Parse(a.text); err == nil && !c.raw {
		log = v
	}
	o.Set("log", log)
	return o, len(a.text)
}

func setError(o *jsonvalue.Object, failed *Error) {
	o.Set("error", failed.Name)
	o.Set("cause", failed.Cause)
}

// Passing tells whether a failed question after a job means nothing for the job.
func (e *Error) Passing() bool {
	status := strings.TrimPrefix(e.Name, ClusterStatus)
	return e.Name == ClusterClient || status == "429" || len(status) == 3 && status[0] == '5'
}
