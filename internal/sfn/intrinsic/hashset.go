package intrinsic

import (
	"math"
	"math/bits"
	"slices"
	"unicode/utf16"

	"heddle/jsonvalue"
)

// inHashSet puts values in the order in which a java.util.HashSet that was made of so many
// gives them: by their hash codes, as far as its table tells these apart. So does the service
// with what ArrayUnique leaves.
func inHashSet(values []any, of int) {
	size := max(16, uint32(float64(of)/0.75)+1)
	mask := uint32(1)<<bits.Len32(size-1) - 1
	slot := func(v any) uint32 {
		h := hashCode(v)
		return (h ^ h>>16) & mask
	}
	slices.SortStableFunc(values, func(a, b any) int { return int(slot(a)) - int(slot(b)) })
}

// hashCode is what Java has it of a value's Boolean, Integer, Long, Double, String, List or Map.
func hashCode(v any) uint32 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1231
		}
		return 1237
	case float64, jsonvalue.Number:
		f, _ := jsonvalue.Float(v)
		if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			n := int64(f)
			if n == int64(int32(n)) {
				return uint32(n)
			}
			return uint32(n ^ n>>32)
		}
		b := math.Float64bits(f)
		return uint32(b ^ b>>32)
	case string:
		return textHash(v)
	case []any:
		h := uint32(1)
		for _, item := range v {
			h = 31*h + hashCode(item)
		}
		return h
	case *jsonvalue.Object:
		h := uint32(0)
		for name, member := range v.All() {
			h += textHash(name) ^ hashCode(member)
		}
		return h
	}
	return 0 // null
}

func textHash(s string) uint32 {
	h := uint32(0)
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(unit)
	}
	return h
}
