package intrinsic

import "math"

// Random is java.util.Random, whose numbers the service gives for a seed.
type Random struct{ state uint64 }

// NewRandom begins with a seed.
func NewRandom(seed int64) *Random {
	return &Random{(uint64(seed) ^ 0x5DEECE66D) & (1<<48 - 1)}
}

// next is so many random bits, 32 at most.
func (r *Random) next(bits int) uint64 {
	r.state = (r.state*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return r.state >> (48 - bits)
}

// Float is nextDouble: at least 0 and below 1.
func (r *Random) Float() float64 {
	return float64(r.next(26)<<27+r.next(27)) / (1 << 53)
}

// below is nextInt of a bound; it takes two steps where that is more than an int of Java.
func (r *Random) below(bound uint64) uint64 {
	n := r.next(31)
	switch {
	case bound > math.MaxInt32:
		return (n<<31 | r.next(31)) % bound
	case bound&(bound-1) == 0:
		return bound * n >> 31
	}
	for n-n%bound+bound > 1<<31 { // else the last, partial range would favour small numbers
		n = r.next(31)
	}
	return n % bound
}
