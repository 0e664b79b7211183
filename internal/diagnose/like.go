package diagnose

import "strings"

// likeBytes is how much of names is compared.
const likeBytes = 64

// IsLike tells whether a name may have been written for another one: they differ in case and
// signs alone, one is part of the other, or few letters are others.
func IsLike(a, b string) bool {
	a, b = letters(a), letters(b)
	if a == "" || b == "" {
		return false
	}
	short, long := a, b
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(short) >= 3 && strings.Contains(long, short) {
		return true
	}
	most := min(3, len(short)/3)
	return len(long)-len(short) <= most && distance(a, b) <= most
}

// Nearest is the name of all that one was most likely written for.
func Nearest(name string, all []string) (best string) {
	least := -1
	for _, one := range all {
		if d := distance(name, one); least < 0 || d < least {
			best, least = one, d
		}
	}
	return best
}

// letters are those of a name, and its digits, in small.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. :/", r) {
			return -1
		}
		return r
	}, strings.ToLower(name[:min(len(name), likeBytes)]))
}

// distance is how many letters must be put in, left out or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
