package maprun

import (
	"strings"
	"testing"
)

// TestOutputWithoutABucket has a ResultWriter that puts nothing anywhere say what the output is:
// outputs, their elements, or what is told of each execution.
func TestOutputWithoutABucket(t *testing.T) {
	for transformation, want := range map[string]string{
		"COMPACT": `[[1,2],3]`, "FLATTEN": `[1,2,3]`, "NONE": `"Output":"[1,2]"`,
	} {
		h := newHouse(t, 1)
		root := h.start("m", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.items","End":true,
			"ResultWriter":{"WriterConfig":{"Transformation":"`+transformation+`","OutputType":"JSON"}},
			"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`, `{"items":[[1,2],3]}`)
		for h.step() {
		}
		d := h.describe(root)
		if d.Output != want && (transformation != "NONE" || strings.Count(d.Output, `"Status":"SUCCEEDED"`) != 2 || !strings.Contains(d.Output, want[1:len(want)-7])) {
			t.Errorf("%s: %s %s, want %s", transformation, d.Status, d.Output, want)
		}
	}
}
