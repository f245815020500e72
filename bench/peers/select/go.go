// SPDX-License-Identifier: MIT

// Nanoseconds per select over four channels: fed by four goroutines without buffers, and with an
// item ready in each of them.
package main

import (
	"fmt"
	"runtime"
	"time"
)

func feed(ch chan int, n int) {
	for i := 0; i < n; i++ {
		ch <- i
	}
}

func waiting(n int) float64 {
	a, b, c, d := make(chan int), make(chan int), make(chan int), make(chan int)
	for _, ch := range []chan int{a, b, c, d} {
		go feed(ch, n/4)
	}
	t := time.Now()
	for i := 0; i < n/4*4; i++ {
		select {
		case <-a:
		case <-b:
		case <-c:
		case <-d:
		}
	}
	return float64(time.Since(t).Nanoseconds()) / float64(n)
}

func ready(n int) float64 {
	a, b, c, d := make(chan int, 1), make(chan int, 1), make(chan int, 1), make(chan int, 1)
	a <- 1
	b <- 2
	c <- 3
	d <- 4
	t := time.Now()
	for i := 0; i < n; i++ {
		select {
		case v := <-a:
			a <- v
		case v := <-b:
			b <- v
		case v := <-c:
			c <- v
		case v := <-d:
			d <- v
		}
	}
	return float64(time.Since(t).Nanoseconds()) / float64(n)
}

func main() {
	name := "go"
	if runtime.GOMAXPROCS(0) > 1 {
		name = "go-mp"
	}
	waiting(100000)
	w, r := waiting(4000000), ready(4000000)
	fmt.Printf("RESULT select %s ns=%.1f ns_ready=%.1f\n", name, w, r)
}
