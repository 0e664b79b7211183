package events

import (
	"crypto/sha256"

	"heddle/internal/aws/fault"
	"heddle/internal/events/connection"
	"heddle/internal/events/registry"
	"heddle/internal/events/wire"
	"heddle/internal/pack"
	"heddle/internal/token"
)

// parametersBytesMax is what a connection authorises by at most, as a secret of Secrets Manager
// has it.
const parametersBytesMax = 64 << 10

// states are those that connections have here.
var states = map[registry.State]string{
	registry.Authorizing: wire.ConnectionStateAuthorizing, registry.Authorized: wire.ConnectionStateAuthorized, registry.Deauthorized: wire.ConnectionStateDeauthorized,
}

// before is the state of a connection whose kind of authorization has just been given.
func before(kind string) registry.State {
	if kind == connection.TypeOAuth {
		return registry.Authorizing // until there was a token
	}
	return registry.Authorized
}

// unserved refuses what there is not here.
func unserved(private, oauth *wire.ConnectivityResourceParameters, key *string) error {
	switch {
	case private != nil || oauth != nil:
		return fault.Invalid("Private connectivity by Amazon VPC Lattice is not supported here: the operator allows networks with --http-private.")
	case value(key) != "":
		return fault.Invalid("KmsKeyIdentifier is not supported here: connections are encrypted under a key of the server.")
	}
	return nil
}

// seal seals parameters, if they will do for a kind of authorization.
func (c *call) seal(p *connection.Parameters, kind string) ([]byte, error) {
	if flaw := p.Flaw(kind); flaw != "" {
		return nil, fault.Invalid(flaw)
	}
	sealed, err := c.secrets.seal(c.world, c.name, p)
	if err == nil && len(sealed) > parametersBytesMax {
		err = fault.Invalid("AuthParameters are larger than 64 KiB.")
	}
	return sealed, err
}

func createConnection(c *call, in *wire.CreateConnectionRequest) (*wire.CreateConnectionResponse, error) {
	if err := unserved(in.InvocationConnectivityParameters, in.AuthParameters.ConnectivityParameters, in.KmsKeyIdentifier); err != nil {
		return nil, err
	}
	given := &in.AuthParameters
	p := &connection.Parameters{InvocationHttpParameters: additions(given.InvocationHttpParameters)}
	if k := given.ApiKeyAuthParameters; k != nil {
		p.ApiKeyAuthParameters = &connection.APIKey{ApiKeyName: k.ApiKeyName, ApiKeyValue: k.ApiKeyValue}
	}
	if b := given.BasicAuthParameters; b != nil {
		p.BasicAuthParameters = &connection.Basic{Username: b.Username, Password: b.Password}
	}
	if o := given.OAuthParameters; o != nil {
		p.OAuthParameters = &connection.OAuth{AuthorizationEndpoint: o.AuthorizationEndpoint, HttpMethod: o.HttpMethod, OAuthHttpParameters: additions(o.OAuthHttpParameters)}
		p.OAuthParameters.ClientParameters.ClientID, p.OAuthParameters.ClientParameters.ClientSecret = o.ClientParameters.ClientID, o.ClientParameters.ClientSecret
	}
	sealed, err := c.seal(p, in.AuthorizationType)
	if err != nil {
		return nil, err
	}
	n, err := c.secrets.fresh(in.Name, in.AuthorizationType)
	if err != nil {
		return nil, err
	}
	n.Description = value(in.Description)
	made, err := do[*registry.Connection](c, c.actions, c.world, registry.Create{New: n, Sealed: sealed})
	if err != nil {
		return nil, err
	}
	return &wire.CreateConnectionResponse{
		ConnectionARN: c.arn(made), ConnectionState: new(states[made.State]), CreationTime: at(made.CreatedAt), LastModifiedTime: at(made.ModifiedAt),
	}, nil
}

// fresh is a new connection.
func (s *secrets) fresh(name, kind string) (n registry.Connection, err error) {
	n = registry.Connection{Name: name, Type: kind, State: before(kind)}
	if n.ID, err = s.id(); err != nil {
		return n, err
	}
	n.Secret, err = s.secretName()
	return n, err
}

func (c *call) arn(n *registry.Connection) *string { return new(registry.ARN(c.world, n.Name, n.ID)) }

// additions are parts of requests as they are kept.
func additions(in *wire.ConnectionHttpParameters) (a connection.Additions) {
	if in == nil {
		return a
	}
	add := func(to *[]connection.Parameter, key, v *string, secret *bool) {
		*to = append(*to, connection.Parameter{Key: value(key), Value: value(v), IsValueSecret: value(secret)})
	}
	for i := range in.HeaderParameters {
		add(&a.HeaderParameters, in.HeaderParameters[i].Key, in.HeaderParameters[i].Value, in.HeaderParameters[i].IsValueSecret)
	}
	for i := range in.QueryStringParameters {
		add(&a.QueryStringParameters, in.QueryStringParameters[i].Key, in.QueryStringParameters[i].Value, in.QueryStringParameters[i].IsValueSecret)
	}
	for i := range in.BodyParameters {
		add(&a.BodyParameters, in.BodyParameters[i].Key, in.BodyParameters[i].Value, in.BodyParameters[i].IsValueSecret)
	}
	return a
}

// shown is the opposite of additions, without secret values; nil: there are none.
func shown(a *connection.Additions) *wire.ConnectionHttpParameters {
	if a.HeaderParameters == nil && a.QueryStringParameters == nil && a.BodyParameters == nil {
		return nil
	}
	out := &wire.ConnectionHttpParameters{}
	v := func(p *connection.Parameter) *string {
		if p.IsValueSecret {
			return nil
		}
		return &p.Value
	}
	for i := range a.HeaderParameters {
		p := &a.HeaderParameters[i]
		out.HeaderParameters = append(out.HeaderParameters, wire.ConnectionHeaderParameter{Key: &p.Key, Value: v(p), IsValueSecret: &p.IsValueSecret})
	}
	for i := range a.QueryStringParameters {
		p := &a.QueryStringParameters[i]
		out.QueryStringParameters = append(out.QueryStringParameters, wire.ConnectionQueryStringParameter{Key: &p.Key, Value: v(p), IsValueSecret: &p.IsValueSecret})
	}
	for i := range a.BodyParameters {
		p := &a.BodyParameters[i]
		out.BodyParameters = append(out.BodyParameters, wire.ConnectionBodyParameter{Key: &p.Key, Value: v(p), IsValueSecret: &p.IsValueSecret})
	}
	return out
}

// updateConnection changes what is given. Of another kind of authorization all must be.
func updateConnection(c *call, in *wire.UpdateConnectionRequest) (*wire.UpdateConnectionResponse, error) {
	var oauth *wire.ConnectivityResourceParameters
	if in.AuthParameters != nil {
		oauth = in.AuthParameters.ConnectivityParameters
	}
	if err := unserved(in.InvocationConnectivityParameters, oauth, in.KmsKeyIdentifier); err != nil {
		return nil, err
	}
	old, err := c.ofOne("update", registry.Find{Name: in.Name})
	if err != nil {
		return nil, err
	}
	change := registry.Change{Name: in.Name, Revision: old.Revision, Description: in.Description}
	if in.AuthParameters != nil || in.AuthorizationType != nil {
		change.Type = old.Type
		p, err := c.secrets.open(c.world, old)
		if err != nil {
			return nil, err
		}
		if p == nil {
			p = &connection.Parameters{}
			if change.Secret, err = c.secrets.secretName(); err != nil {
				return nil, err
			}
		}
		if kind := value(in.AuthorizationType); kind != "" && kind != old.Type {
			change.Type = kind
			*p = connection.Parameters{InvocationHttpParameters: p.InvocationHttpParameters}
		}
		merge(p, in.AuthParameters)
		if change.Sealed, err = c.seal(p, change.Type); err != nil {
			return nil, err
		}
		change.State = before(change.Type)
	}
	n, err := c.ofOne("update", change)
	if err != nil {
		return nil, err
	}
	return &wire.UpdateConnectionResponse{
		ConnectionARN: c.arn(n), ConnectionState: new(states[n.State]), CreationTime: at(n.CreatedAt), LastModifiedTime: at(n.ModifiedAt), LastAuthorizedTime: at(n.AuthorizedAt),
	}, nil
}

// merge puts what is given in the place of what there was.
func merge(p *connection.Parameters, in *wire.UpdateConnectionAuthRequestParameters) {
	if in == nil {
		return
	}
	set := func(to *string, given *string) {
		if given != nil {
			*to = *given
		}
	}
	if k := in.ApiKeyAuthParameters; k != nil {
		if p.ApiKeyAuthParameters == nil {
			p.ApiKeyAuthParameters = &connection.APIKey{}
		}
		set(&p.ApiKeyAuthParameters.ApiKeyName, k.ApiKeyName)
		set(&p.ApiKeyAuthParameters.ApiKeyValue, k.ApiKeyValue)
	}
	if b := in.BasicAuthParameters; b != nil {
		if p.BasicAuthParameters == nil {
			p.BasicAuthParameters = &connection.Basic{}
		}
		set(&p.BasicAuthParameters.Username, b.Username)
		set(&p.BasicAuthParameters.Password, b.Password)
	}
	if o := in.OAuthParameters; o != nil {
		if p.OAuthParameters == nil {
			p.OAuthParameters = &connection.OAuth{}
		}
		set(&p.OAuthParameters.AuthorizationEndpoint, o.AuthorizationEndpoint)
		set(&p.OAuthParameters.HttpMethod, o.HttpMethod)
		if o.ClientParameters != nil {
			set(&p.OAuthParameters.ClientParameters.ClientID, o.ClientParameters.ClientID)
			set(&p.OAuthParameters.ClientParameters.ClientSecret, o.ClientParameters.ClientSecret)
		}
		if o.OAuthHttpParameters != nil {
			p.OAuthParameters.OAuthHttpParameters = additions(o.OAuthHttpParameters)
		}
	}
	if in.InvocationHttpParameters != nil {
		p.InvocationHttpParameters = additions(in.InvocationHttpParameters)
	}
}

func describeConnection(c *call, in *wire.DescribeConnectionRequest) (*wire.DescribeConnectionResponse, error) {
	n, err := c.ofOne("describe", registry.Find{Name: in.Name})
	if err != nil {
		return nil, err
	}
	out := &wire.DescribeConnectionResponse{
		ConnectionARN: c.arn(n), Name: &n.Name, Description: present(n.Description), ConnectionState: new(states[n.State]), StateReason: present(n.Reason),
		AuthorizationType: &n.Type, SecretARN: present(n.SecretARN(c.world)), CreationTime: at(n.CreatedAt), LastModifiedTime: at(n.ModifiedAt), LastAuthorizedTime: at(n.AuthorizedAt),
	}
	p, err := c.secrets.open(c.world, n)
	if err != nil || p == nil {
		return out, err
	}
	out.AuthParameters = &wire.ConnectionAuthResponseParameters{InvocationHttpParameters: shown(&p.InvocationHttpParameters)}
	if k := p.ApiKeyAuthParameters; k != nil {
		out.AuthParameters.ApiKeyAuthParameters = &wire.ConnectionApiKeyAuthResponseParameters{ApiKeyName: &k.ApiKeyName}
	}
	if b := p.BasicAuthParameters; b != nil {
		out.AuthParameters.BasicAuthParameters = &wire.ConnectionBasicAuthResponseParameters{Username: &b.Username}
	}
	if o := p.OAuthParameters; o != nil {
		out.AuthParameters.OAuthParameters = &wire.ConnectionOAuthResponseParameters{
			AuthorizationEndpoint: &o.AuthorizationEndpoint, HttpMethod: &o.HttpMethod, OAuthHttpParameters: shown(&o.OAuthHttpParameters),
			ClientParameters: &wire.ConnectionOAuthClientResponseParameters{ClientID: &o.ClientParameters.ClientID},
		}
	}
	return out, nil
}

func deauthorizeConnection(c *call, in *wire.DeauthorizeConnectionRequest) (*wire.DeauthorizeConnectionResponse, error) {
	n, err := c.ofOne("deauthorize", registry.Deauthorize{Name: in.Name})
	if err != nil {
		return nil, err
	}
	return &wire.DeauthorizeConnectionResponse{
		ConnectionARN: c.arn(n), ConnectionState: new(states[n.State]), CreationTime: at(n.CreatedAt), LastModifiedTime: at(n.ModifiedAt), LastAuthorizedTime: at(n.AuthorizedAt),
	}, nil
}

func deleteConnection(c *call, in *wire.DeleteConnectionRequest) (*wire.DeleteConnectionResponse, error) {
	n, err := c.ofOne("delete", registry.Delete{Name: in.Name})
	if err != nil {
		return nil, err
	}
	return &wire.DeleteConnectionResponse{
		ConnectionARN: c.arn(n), ConnectionState: new(wire.ConnectionStateDeleting), CreationTime: at(n.CreatedAt), LastModifiedTime: at(n.ModifiedAt), LastAuthorizedTime: at(n.AuthorizedAt),
	}, nil
}

// familyPage is of tokens of pages.
const familyPage token.Family = "events.page"

// pageMax is how many connections a page has.
const pageMax = 100

// listConnections gives a page of connections: in order of their names, so that a page begins
// behind the last one of the page before.
func listConnections(c *call, in *wire.ListConnectionsRequest) (*wire.ListConnectionsResponse, error) {
	list := registry.List{Prefix: value(in.NamePrefix), Limit: pageMax}
	out := &wire.ListConnectionsResponse{Connections: []wire.Connection{}}
	sum := sha256.Sum256(pack.Text(pack.Text(nil, list.Prefix), value(in.ConnectionState)))
	query := [16]byte(sum[:16])
	if in.Limit != nil {
		list.Limit = int(*in.Limit)
	}
	if in.NextToken != nil {
		position, err := c.Tokens.OpenPage(familyPage, c.world, query, *in.NextToken)
		if err != nil {
			return nil, fault.Invalid("The NextToken is not one of this list.")
		}
		list.After = string(position)
	}
	if wanted := value(in.ConnectionState); wanted != "" {
		for state, called := range states {
			if called == wanted {
				list.State = state
			}
		}
		if list.State == 0 { // which none has here
			return out, nil
		}
	}
	page, err := look[registry.Page](c, c.actions, c.world, list)
	if err != nil {
		return nil, err
	}
	for _, n := range page.Items {
		out.Connections = append(out.Connections, wire.Connection{
			ConnectionARN: c.arn(n), Name: &n.Name, ConnectionState: new(states[n.State]), StateReason: present(n.Reason), AuthorizationType: &n.Type,
			CreationTime: at(n.CreatedAt), LastModifiedTime: at(n.ModifiedAt), LastAuthorizedTime: at(n.AuthorizedAt),
		})
	}
	if page.More {
		last := page.Items[len(page.Items)-1].Name
		next, err := c.Tokens.SealPage(familyPage, c.world, query, []byte(last))
		if err != nil {
			return nil, err
		}
		out.NextToken = &next
	}
	return out, nil
}
