# One plot, as SVG and as PNG: name.dat to name.svg and name.png, with title_ and label.
# SPDX-License-Identifier: GPL-2.0-or-later

set title title_ noenhanced
set xlabel label
set ylabel "milliseconds (median, min to max)"
set logscale x 2
set logscale y
set key left top
set grid
set offsets graph 0.05, graph 0.05, graph 0.1, graph 0.2

stats name.".dat" using 1 nooutput
draw = "plot for [i = 0:".(STATS_blocks - 2)."] name.'.dat' index i using 1:2:3:4 \
with yerrorlines linewidth 2 title columnheader(1)"

set terminal svg size 720,480 font "sans,12" background "white"
set output name.".svg"
eval draw
set terminal pngcairo size 720,480 font "sans,10"
set output name.".png"
eval draw
