// Package client is a lean client of Amazon SWF and Step Functions for programs that load a server:
// HTTP/1.1 written by hand on one kept connection, signed requests, answers
// searched rather than decoded. It costs a small part of what an SDK does, so
// that a measurement is of the server. It retries nothing.
package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// Service is an API that is called.
type Service struct {
	name        string // as signatures have it
	contentType string
	target      string // what X-Amz-Target begins with; empty: there is none
}

// The services. Bodies of IAM are forms, which say the action.
var (
	SWF           = Service{"swf", "application/x-amz-json-1.0", "SimpleWorkflowService."}
	StepFunctions = Service{"states", "application/x-amz-json-1.0", "AWSStepFunctions."}
	IAM           = Service{"iam", "application/x-www-form-urlencoded", ""}
)

// Conn is one connection. Only Close and HangUp may be called beside a call.
type Conn struct {
	signer signer
	dialer net.Dialer
	in     *bufio.Reader
	out    []byte
	answer []byte

	mu     sync.Mutex
	conn   net.Conn // nil: not connected
	closed bool
}

// Credentials sign requests.
type Credentials struct{ AccessKey, SecretKey, Region string }

// New makes a connection that dials at its first call.
func New(addr string, c Credentials) *Conn {
	return &Conn{
		signer: signer{service: SWF, accessKey: c.AccessKey, secretKey: c.SecretKey, region: c.Region, host: addr},
		in:     bufio.NewReaderSize(nil, 16<<10),
	}
}

// From has the connection come from another address of this machine; to a server
// that makes another client. It is said before the first call.
func (c *Conn) From(ip net.IP) { c.dialer.LocalAddr = &net.TCPAddr{IP: ip} }

// Of has the connection call another service than SWF. It is said before the first call.
func (c *Conn) Of(s Service) *Conn {
	c.signer.service = s
	return c
}

// Close ends the connection and whatever call waits on it.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.hangUp()
}

// HangUp ends whatever call waits on the connection. The next call dials anew. It
// may be called beside another call.
func (c *Conn) HangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hangUp()
}

func (c *Conn) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// Fault is an answer that is not a success.
type Fault struct {
	Status int
	Code   string // without its namespace
	Body   string
}

func (f *Fault) Error() string { return fmt.Sprintf("status %d: %s", f.Status, f.Body) }

// IsFault tells whether the server answered with a fault of this code.
func IsFault(err error, code string) bool {
	f, ok := errors.AsType[*Fault](err)
	return ok && f.Code == code
}

// Call asks one action of the server. The answer is good until the next call. An
// error is a *Fault if the server answered, and else leaves it open whether the
// request arrived; the next call dials anew.
func (c *Conn) Call(action string, body []byte) ([]byte, error) {
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	status, err := c.exchange(conn, action, body)
	if err != nil {
		c.HangUp()
		return nil, fmt.Errorf("call %s: %w", action, err)
	}
	if status != 200 {
		code := Text(c.answer, "__type")
		return nil, &Fault{status, string(code[bytes.LastIndexByte(code, '#')+1:]), string(c.answer)}
	}
	return c.answer, nil
}

func (c *Conn) dial() (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, net.ErrClosed
	}
	if c.conn == nil {
		conn, err := c.dialer.Dial("tcp", c.signer.host)
		if err != nil {
			return nil, err
		}
		c.conn = conn
		c.in.Reset(conn)
	}
	return c.conn, nil
}

func (c *Conn) exchange(conn net.Conn, action string, body []byte) (status int, err error) {
	c.signer.at(time.Now())
	b := append(c.out[:0], "POST / HTTP/1.1\r\nHost: "...)
	b = append(b, c.signer.host...)
	b = append(b, "\r\nContent-Type: "+c.signer.service.contentType+"\r\nX-Amz-Date: "...)
	b = append(b, c.signer.date...)
	if c.signer.service.target != "" {
		b = append(b, "\r\nX-Amz-Target: "+c.signer.service.target...)
		b = append(b, action...)
	}
	b = append(b, "\r\nAuthorization: "...)
	b = c.signer.appendAuthorization(b, action, body)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	b = append(b, body...)
	c.out = b
	if _, err := conn.Write(b); err != nil {
		return 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("status line %q", line)
	}
	length, hangUp := -1, line[7] == '0'
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		switch string(name) {
		case "Content-Length":
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, fmt.Errorf("header %q", line)
			}
		case "Connection":
			hangUp = string(value) == "close"
		}
	}
	if length < 0 {
		return 0, errors.New("answer without Content-Length")
	}
	if cap(c.answer) < length {
		c.answer = make([]byte, length+length/2)
	}
	c.answer = c.answer[:length]
	if _, err = io.ReadFull(c.in, c.answer); err == nil && hangUp {
		c.HangUp()
	}
	return status, err
}

// Text finds the last member of a name in an answer and gives its string, which
// must have no escapes; nil: there is none. Quotes within strings are escaped, so
// no text of a user looks like a member.
func Text(answer []byte, name string) []byte {
	i := lastMember(answer, name)
	if i < 0 || i >= len(answer) || answer[i] != '"' {
		return nil
	}
	text := answer[i+1:]
	if end := bytes.IndexByte(text, '"'); end >= 0 {
		return text[:end]
	}
	return nil
}

// Int finds the last member of a name in an answer and gives its number.
func Int(answer []byte, name string) int64 {
	i := lastMember(answer, name)
	if i < 0 {
		return 0
	}
	var n int64
	for ; i < len(answer) && answer[i] >= '0' && answer[i] <= '9'; i++ {
		n = n*10 + int64(answer[i]-'0')
	}
	return n
}

// lastMember gives where the value of the last member of a name starts; -1: there
// is none.
func lastMember(answer []byte, name string) int {
	for end := len(answer); ; {
		i := bytes.LastIndex(answer[:end], []byte(name))
		if i < 1 {
			return -1
		}
		rest := answer[i+len(name):]
		if answer[i-1] == '"' && len(rest) > 2 && rest[0] == '"' && rest[1] == ':' {
			value := i + len(name) + 2
			if answer[value] == ' ' { // as some other servers write it
				value++
			}
			return value
		}
		end = i
	}
}

// Events counts the events of a type in an answer.
func Events(answer []byte, eventType string) int {
	n := 0
	for quoted := answer; ; n++ {
		i := bytes.Index(quoted, []byte(eventType))
		if i < 0 {
			return n
		}
		end := i + len(eventType)
		if i == 0 || quoted[i-1] != '"' || end == len(quoted) || quoted[end] != '"' {
			n--
		}
		quoted = quoted[end:]
	}
}
