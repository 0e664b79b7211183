package main

import (
	"fmt"

	"heddle/internal/server"
)

// tlsFlags say how the server's port is protected.
type tlsFlags struct {
	TLSCert        string `name:"tls-cert" type:"path" env:"HEDDLE_TLS_CERT" placeholder:"FILE" group:"TLS" help:"Certificate, and those between it and its CA, in PEM. Read again when it changes."`
	TLSKey         string `name:"tls-key" type:"path" env:"HEDDLE_TLS_KEY" placeholder:"FILE" group:"TLS" help:"Its key, in PEM."`
	TLSSelfSigned  bool   `name:"tls-self-signed" env:"HEDDLE_TLS_SELF_SIGNED" group:"TLS" help:"Make a CA in DATA/tls, and a certificate by it for localhost, this host's name and the address of --listen. Clients must trust DATA/tls/ca.pem."`
	TLSClientCA    string `name:"tls-client-ca" type:"path" env:"HEDDLE_TLS_CLIENT_CA" placeholder:"FILE" group:"TLS" help:"Only clients with a certificate by one of these CAs, in PEM, may connect. Read again when it changes."`
	InsecureListen bool   `env:"HEDDLE_INSECURE_LISTEN" group:"TLS" help:"Serve plain HTTP on an address that others can reach. Only behind something that protects the way, such as a proxy with TLS."`
}

// trust is the line that makes clients of a shell trust the server.
func (f *tlsFlags) trust(data string) string {
	if !f.TLSSelfSigned {
		return ""
	}
	return fmt.Sprintf("\n  export AWS_CA_BUNDLE=%s", quoted(server.CAFile(data)))
}
