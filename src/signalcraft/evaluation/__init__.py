"""How well the ear hears: data sets, reference methods, figures, reports. Files in, numbers out.

Training sees healthy clips only; labels of test clips are used for the figures and for nothing else.
"""
