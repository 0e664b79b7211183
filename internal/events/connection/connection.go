// Package connection is a connection of EventBridge as its users have it: what it shows who
// calls by, and what it adds to each request. A Client authorises requests by connections and
// sends them: only to public addresses, unless the operator allows others, without following a
// redirect, and without a proxy of the environment.
//
// Source: EventBridge API Reference, CreateConnection; EventBridge User Guide, "Connections".
package connection

import (
	"context"
	"net/http"

	"heddle/internal/engine"
)

// Source is where connections come from, and what is done with them.
type Source interface {
	// Find finds a connection of a world by its ARN. Nil: there is none.
	Find(ctx context.Context, w engine.World, arn string) (*Connection, error)
	Sender
}

// Sender sends requests that connections authorise.
type Sender interface {
	// Authorize puts into a request what shows who calls. Errors: for the operator.
	Authorize(ctx context.Context, q *http.Request, of *Connection) error
	// Refused is told that a request was refused which was authorised so.
	Refused(of *Connection)
	// Send sends a request once. A redirect is an answer. Errors: *ForbiddenError, and those of
	// package http.
	Send(q *http.Request) (*http.Response, error)
}

// Connection is a connection that was found.
type Connection struct {
	ARN       string
	SecretARN string // of the secret in which AWS keeps Parameters; "": there are none
	// Parameters are what it authorises by; nil: it was deauthorised.
	*Parameters
	Type string // of its authorization

	// Version is another one whenever the connection changes.
	Version int64
	// Authorized: it is known to be so.
	Authorized bool
}

// Parameters are the AuthParameters of a connection, as CreateConnection takes them.
type Parameters struct {
	ApiKeyAuthParameters     *APIKey   `json:",omitempty"`
	BasicAuthParameters      *Basic    `json:",omitempty"`
	OAuthParameters          *OAuth    `json:",omitempty"`
	InvocationHttpParameters Additions `json:",omitzero"`
}

// APIKey is a header with a secret.
type APIKey struct{ ApiKeyName, ApiKeyValue string }

// Basic is a user's name and password.
type Basic struct{ Username, Password string }

// OAuth is a client of an authorization server, and how that is asked for a token.
type OAuth struct {
	AuthorizationEndpoint string
	HttpMethod            string // GET, POST or PUT
	ClientParameters      struct{ ClientID, ClientSecret string }
	OAuthHttpParameters   Additions `json:",omitzero"`
}

// Additions are parts that each request gets.
type Additions struct {
	HeaderParameters      []Parameter `json:",omitempty"`
	QueryStringParameters []Parameter `json:",omitempty"`
	BodyParameters        []Parameter `json:",omitempty"`
}

// Parameter is one of them.
type Parameter struct {
	Key, Value    string
	IsValueSecret bool
}

// Kinds of authorization.
const (
	TypeAPIKey = "API_KEY"
	TypeBasic  = "BASIC"
	TypeOAuth  = "OAUTH_CLIENT_CREDENTIALS"
)

// Flaw tells what is wrong with parameters for a kind of authorization; "": nothing.
func (p *Parameters) Flaw(kind string) string {
	given := map[string]bool{TypeAPIKey: p.ApiKeyAuthParameters != nil, TypeBasic: p.BasicAuthParameters != nil, TypeOAuth: p.OAuthParameters != nil}
	for _, other := range []string{TypeAPIKey, TypeBasic, TypeOAuth} {
		if given[other] && other != kind {
			return "AuthParameters may have only the authorization parameters of the AuthorizationType " + kind + "."
		}
	}
	wants := ""
	switch kind {
	case TypeAPIKey:
		if k := p.ApiKeyAuthParameters; k == nil || k.ApiKeyName == "" || k.ApiKeyValue == "" {
			wants = "ApiKeyAuthParameters with ApiKeyName and ApiKeyValue"
		}
	case TypeBasic:
		if b := p.BasicAuthParameters; b == nil || b.Username == "" || b.Password == "" {
			wants = "BasicAuthParameters with Username and Password"
		}
	case TypeOAuth:
		o := p.OAuthParameters
		if o == nil || o.AuthorizationEndpoint == "" || o.HttpMethod != http.MethodGet && o.HttpMethod != http.MethodPost && o.HttpMethod != http.MethodPut ||
			o.ClientParameters.ClientID == "" || o.ClientParameters.ClientSecret == "" {
			wants = "OAuthParameters with ClientParameters, an AuthorizationEndpoint and the HttpMethod GET, POST or PUT"
		} else if _, err := endpoint(o); err != nil {
			return "The AuthorizationEndpoint must be a URL that begins with https://."
		}
	default:
		return "AuthorizationType must be one of " + TypeAPIKey + ", " + TypeBasic + ", " + TypeOAuth + "."
	}
	if wants != "" {
		return "The AuthorizationType " + kind + " wants " + wants + " in AuthParameters."
	}
	return ""
}
