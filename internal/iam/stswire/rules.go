package stswire

import "heddle/internal/aws/shape"

// Bounds of what limits a session; the model has none.
const (
	SessionPolicyMax   = 2048 // characters
	SessionPoliciesMax = 10
)

// The rules of gen.json: what the service asks of values beyond the model.

func checkSessionPolicy(c *shape.Violations, at shape.Place, document string) {
	c.Length(at, document, 0, SessionPolicyMax)
}

func checkSessionPolicies(c *shape.Violations, at shape.Place, policies []PolicyDescriptorType) {
	c.Count(at, len(policies), 0, SessionPoliciesMax)
}
