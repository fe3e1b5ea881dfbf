# Draws the table of kinetic-figure.sh: variables `table`, `figure` and `beside`.
set terminal svg size 720,260 font "sans-serif,11" background "white"
set output figure
set datafile separator ","
set datafile missing ""
set multiplot layout 1,3
set xlabel "step"
set xtics 50
set logscale y
set format y "10^{%L}"
set key top right samplen 1
set title "events a step"
plot table using 1:2 skip 1 with lines lw 1.5 title "neurons looked at", \
     table using 1:3 skip 1 with lines lw 1.5 title "pairs changed"
set title "seconds a step"
stats table using 5 skip 1 name "other" nooutput
plot other_median with lines lw 1.5 dt 2 title beside." (median)", \
     table using 1:4 skip 1 with lines lw 1.5 title "kinetic"
set title "loss"
plot table using 1:6 skip 1 with lines lw 1.5 title "kinetic", \
     table using 1:7 skip 1 with points pt 6 ps 0.5 title beside
unset multiplot
