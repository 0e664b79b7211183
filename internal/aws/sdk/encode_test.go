package sdk

import (
	"testing"

	"heddle/jsonvalue"
)

// TestParametersAsJavaTakesThem: texts for numbers and booleans, and in optimised integrations
// texts for attributes of DynamoDB.
func TestParametersAsJavaTakesThem(t *testing.T) {
	for _, c := range []struct {
		service, operation, parameters string
		naming                         Naming
		want                           string // the body, or why it is not sent
	}{
		{"dynamodb", "getItem", `{"TableName":"t","Key":{"id":"x","n":{"N":1}}}`, Own, `{"Key":{"id":{"S":"x"},"n":{"N":"1"}},"TableName":"t"}`},
		{"dynamodb", "putItem", `{"TableName":"t","Item":{"done":{"BOOL":"false"},"all":{"L":["a",{"M":{"b":"c"}}]}}}`, Own, `{"Item":{"done":{"BOOL":false},"all":{"L":[{"S":"a"},{"M":{"b":{"S":"c"}}}]}},"TableName":"t"}`},
		{"dynamodb", "getItem", `{"TableName":"t","Key":{"id":"x"}}`, Java, "The parameters of GetItem have string where an object belongs"},
		{"dynamodb", "getItem", `{"TableName":"t","Key":{"id":1}}`, Own, "The parameters of GetItem have number where an object belongs"},
		{"dynamodb", "query", `{"TableName":"t","Limit":"5","ScanIndexForward":"true"}`, Java, `{"Limit":5,"ScanIndexForward":true,"TableName":"t"}`},
		{"dynamodb", "query", `{"TableName":"t","Limit":"five","ScanIndexForward":"1"}`, Java, `{"Limit":"five","ScanIndexForward":"1","TableName":"t"}`}, // the service refuses it
	} {
		h := &caught{answer: "{}"}
		_, err := do(t, h, c.service, c.operation, c.parameters, c.naming)
		if err != nil {
			if err.Error() != c.want {
				t.Errorf("%s %s: %v, want %s", c.operation, c.parameters, err, c.want)
			}
			continue
		}
		got, _ := jsonvalue.Parse(h.body)
		want, _ := jsonvalue.ParseString(c.want)
		if !jsonvalue.Equal(got, want) {
			t.Errorf("%s %s: sent %s, want %s", c.operation, c.parameters, h.body, c.want)
		}
	}
}
